// What sharded data parallel needs of autograd and of storages: to be called when a gradient is there, and to take a tensor's memory away
// and give it back while a graph holds the tensor.
#include "guard.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/StorageImpl.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>

namespace {

// The caller's closure, dropped with the hook that holds it.
class Closure {
public:
  explicit Closure(dinov3_closure closure) : closure(closure) {}
  ~Closure() { closure.drop(closure.context); }
  Closure(const Closure &) = delete;
  Closure &operator=(const Closure &) = delete;
  void operator()() const { closure.call(closure.context); }

private:
  dinov3_closure closure;
};

class AfterAccumulation final : public torch::autograd::PostAccumulateGradHook {
public:
  explicit AfterAccumulation(dinov3_closure closure) : closure(closure) {}
  void operator()(const at::Tensor &) override { closure(); }

private:
  Closure closure;
};

} // namespace

extern "C" {

bool dinov3_after_accumulation(dinov3_tensor leaf, dinov3_closure closure) {
  auto hook = std::make_unique<AfterAccumulation>(closure);
  return succeeds([&] { torch::autograd::impl::set_post_acc_grad_hooks(tensor(leaf), std::move(hook)); });
}

bool dinov3_before_backward(dinov3_tensor output, dinov3_closure closure) {
  auto shared = std::make_shared<Closure>(closure);
  return succeeds([&] { tensor(output).register_hook([shared](const at::Tensor &) { (*shared)(); }); });
}

bool dinov3_release_memory(dinov3_tensor self) {
  return succeeds([&] {
    // A device's allocator gives memory of the current device.
    const c10::OptionalDeviceGuard guard(tensor(self).device());
    c10::StorageImpl *storage = tensor(self).storage().unsafeGetStorageImpl();
    storage->set_nbytes(0);
    storage->set_data_ptr_noswap(storage->allocator()->allocate(0));
  });
}

bool dinov3_restore_memory(dinov3_tensor self) {
  return succeeds([&] {
    const at::Tensor &owner = tensor(self);
    const c10::OptionalDeviceGuard guard(owner.device());
    c10::StorageImpl *storage = owner.storage().unsafeGetStorageImpl();
    const size_t bytes = owner.nbytes();
    storage->set_data_ptr_noswap(storage->allocator()->allocate(bytes));
    storage->set_nbytes(bytes);
  });
}

}
