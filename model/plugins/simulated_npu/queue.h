// The work of simulated NPUs. What is put into a queue is done when somebody waits for it, and never before: a program that reads a result
// without waiting reads what was there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace npu {

// What a device has been asked to do since `reset_counters`, for people: `kernel aten::addmm`, `copy to the host`, `wait`.
void count(const std::string &what);
void each_counter(void *context, void (*each)(void *context, const char *name, uint64_t count));
void reset_counters();

// Puts work behind all that is there. Throws nothing but for want of the host's memory: memory is given back through it.
void enqueue(int device, std::string what, std::function<void()> work);
// Does what is there if it is so much that it holds too much memory.
void drain_if_long(int device);
// Does all that is there, in order. Throws what the first failed work threw; what came after it is dropped, as a device drops it.
void drain(int device);
// Gives memory back when the work that was put into the queue before has been done.
void give_back(int device, void *address);
// How many pieces of work have been put into the queue of `device`, and how many are done.
uint64_t enqueued(int device);
uint64_t done(int device);
// Does what is there up to the work of this number.
void drain_to(int device, uint64_t number);

} // namespace npu
