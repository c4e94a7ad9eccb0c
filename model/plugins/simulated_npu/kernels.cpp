// The kernels of simulated NPUs. There is one: it gives the host's kernel of an op the bytes of the device, and so has the host's bits.
// What a result looks like is asked of libtorch's meta kernels, so that the work itself can wait in the queue. An op without one is done at
// once, after everything before it.

#include "bytes.h"
#include "memory.h"
#include "queue.h"
#include "runtime.h"
#include "spoiled.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/native/transformers/attention.h>
#include <ATen/ops/_fused_sdp_choice.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_strided.h>
#include <c10/core/CPUAllocator.h>
#include <torch/library.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace npu {
namespace {

at::Tensor empty_like_on(const at::Tensor &tensor, c10::Device device) {
  return at::empty_strided(tensor.sizes(), tensor.strides(), tensor.options().device(device));
}

void copy_bytes(const at::Tensor &to, const at::Tensor &host) {
  if (const size_t n = bytes_of(host)) {
    std::memcpy(host_of(to.data_ptr()), host.data_ptr(), n);
  }
}

// Where a call happens: the device of its first tensor on one, or the device that it asks for.
std::optional<c10::Device> place_of(const Stack &arguments) {
  std::optional<c10::Device> place;
  for (const IValue &value : arguments) {
    each_tensor(value, [&](const at::Tensor &it) {
      if (!place && is_of_a_device(it)) {
        place = it.device();
      }
    });
  }
  for (const IValue &value : arguments) {
    if (!place && value.isDevice() && value.toDevice().is_privateuseone()) {
      place = value.toDevice();
    }
  }
  return place;
}

// As a device does: an operand of the host is a number, or an index.
void refuse_strangers(const c10::OperatorHandle &op, const Stack &arguments, c10::Device place) {
  const bool indexes = op.schema().name().find("index") != std::string::npos;
  for (const IValue &value : arguments) {
    each_tensor(value, [&](const at::Tensor &it) {
      const bool strange = it.defined() && it.device() != place && !(it.is_cpu() && (it.dim() == 0 || indexes));
      TORCH_CHECK(!strange, "Expected all tensors to be on the same device, but found at least two devices, ", place, " and ",
                  it.device(), "! (when checking an argument of ", op.schema().name(), ")");
    });
  }
}

// The arguments as the host's kernel takes them.
Stack host_arguments(const Stack &arguments, Bytes &bytes, c10::Device place) {
  Stack here;
  for (const IValue &value : arguments) {
    if (value.isDevice()) {
      here.emplace_back(c10::Device(c10::kCPU));
    } else if (value.isGenerator()) {
      here.emplace_back(host_generator(place.index()));
    } else {
      here.push_back(changed(value, [&](const at::Tensor &it) { return is_of_a_device(it) ? bytes.on_host(it) : it; }));
    }
  }
  return here;
}

// The generator of the device stands for one that was left out.
void give_generator(const c10::OperatorHandle &op, Stack &here, c10::Device place) {
  const auto &given = op.schema().arguments();
  for (size_t i = 0; i < here.size() && i < given.size(); ++i) {
    if (here[i].isNone() && given[i].name() == "generator") {
      here[i] = IValue(host_generator(place.index()));
    }
  }
}

// Where a kernel of the host has moved the bytes of an argument, because it needed more of them, the device follows.
void follow_resized(const at::Tensor &there, const at::Tensor &here) {
  if (here.sizes() == there.sizes() && here.strides() == there.strides()) {
    return;
  }
  const size_t bytes = bytes_of(here);
  c10::StorageImpl *storage = there.storage().unsafeGetStorageImpl();
  if (here.storage().data() != host_of(storage->data())) {
    const CurrentDevice current(storage->device());
    storage->set_data_ptr_noswap(storage->allocator()->allocate(bytes));
    storage->set_nbytes(bytes);
    std::memcpy(host_of(storage->data()), here.storage().data(), bytes);
  }
  there.unsafeGetTensorImpl()->set_sizes_and_strides(here.sizes(), here.strides(), here.storage_offset());
}

// Tensors of `arguments` beside the same tensors of `here`, in order.
std::vector<std::pair<at::Tensor, at::Tensor>> pairs_of(const Stack &arguments, const Stack &here) {
  std::vector<std::pair<at::Tensor, at::Tensor>> pairs;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::vector<at::Tensor> device, host;
    each_tensor(arguments[i], [&](const at::Tensor &it) { device.push_back(it); });
    each_tensor(here[i], [&](const at::Tensor &it) { host.push_back(it); });
    for (size_t j = 0; j < device.size(); ++j) {
      if (is_of_a_device(device[j])) {
        pairs.emplace_back(device[j], host[j]);
      }
    }
  }
  return pairs;
}

// Does the op now and leaves its results on `stack`.
void at_once(const c10::OperatorHandle &op, Stack &stack, const Stack &arguments, c10::Device place) {
  drain(place.index());
  Bytes bytes;
  Stack here = host_arguments(arguments, bytes, place);
  give_generator(op, here, place);
  const auto pairs = pairs_of(arguments, here);
  run_on_host(op, here);
  for (const auto &[there, host] : pairs) {
    follow_resized(there, host);
  }
  for (const IValue &value : here) {
    stack.push_back(changed(value, [&](const at::Tensor &it) -> at::Tensor {
      if (!it.defined()) {
        return it;
      }
      for (const auto &[there, host] : pairs) {
        if (host.is_same(it)) {
          return there;
        }
      }
      if (const auto storage = bytes.device_storage(it)) {
        at::Tensor view = at::detail::make_tensor<c10::TensorImpl>(c10::Storage(*storage), DispatchKeySet(DispatchKey::PrivateUse1),
                                                                   it.dtype());
        view.unsafeGetTensorImpl()->set_sizes_and_strides(it.sizes(), it.strides(), it.storage_offset());
        return view;
      }
      at::Tensor there = empty_like_on(it, place);
      copy_bytes(there, it);
      return there;
    }));
  }
}

// Whether a call writes to no argument, or to arguments that it returns.
bool has_views(const c10::OperatorHandle &op) {
  for (const auto &result : op.schema().returns()) {
    if (result.alias_info() != nullptr && !result.alias_info()->isWrite()) {
      return true;
    }
  }
  return false;
}

// Whether a call returns a number or a truth to the host, which waits for it.
bool has_numbers(const c10::OperatorHandle &op) {
  for (const auto &result : op.schema().returns()) {
    if (result.type()->kind() != c10::TypeKind::TensorType && result.type()->kind() != c10::TypeKind::ListType) {
      return true;
    }
  }
  return false;
}

// The results of a call as libtorch's meta kernel makes them, with the arguments that it writes to; none where there is no such kernel, or
// where an argument would change its size.
std::optional<Stack> foreseen(const c10::OperatorHandle &op, const Stack &arguments, c10::Device place) {
  if (!op.hasKernelForDispatchKey(DispatchKey::Meta)) {
    return std::nullopt;
  }
  const c10::Device meta(c10::kMeta);
  Stack shapes;
  for (const IValue &value : arguments) {
    if (value.isDevice()) {
      shapes.emplace_back(meta);
    } else if (value.isGenerator()) {
      shapes.emplace_back();
    } else {
      shapes.push_back(changed(value, [&](const at::Tensor &it) {
        const bool number = !it.defined() || (it.is_cpu() && it.dim() == 0);
        return number ? it : at::empty_strided(it.sizes(), it.strides(), it.options().device(meta));
      }));
    }
  }
  const auto pairs = pairs_of(arguments, shapes);
  try {
    const at::AutoDispatchBelowADInplaceOrView guard;
    op.redispatchBoxed(DispatchKeySet(DispatchKey::Meta), &shapes);
  } catch (const c10::NotImplementedError &) {
    // The values decide the shape, as with a mask for an index: the host waits for it.
    count("wait for a shape");
    return std::nullopt;
  } catch (const c10::IndexError &) {
    // The meta kernel of `index_add` looks at the first row of its source, and an empty one has none. The host's kernel takes it, or says
    // what is wrong.
    return std::nullopt;
  }
  for (const auto &[there, shape] : pairs) {
    if (there.sizes() != shape.sizes() || there.strides() != shape.strides()) {
      return std::nullopt;
    }
  }
  Stack results;
  for (const IValue &value : shapes) {
    results.push_back(changed(value, [&](const at::Tensor &it) -> at::Tensor {
      if (!it.defined()) {
        return it;
      }
      for (const auto &[there, shape] : pairs) {
        if (shape.is_same(it)) {
          return there;
        }
      }
      return empty_like_on(it, place);
    }));
  }
  return results;
}

// What the host's kernel returned goes to where the device's result is: `there`, as the host sees it.
void deliver(const c10::OperatorHandle &op, const Stack &there, const Stack &here) {
  for (size_t i = 0; i < there.size(); ++i) {
    std::vector<at::Tensor> device, host;
    each_tensor(there[i], [&](const at::Tensor &it) { device.push_back(it); });
    each_tensor(here[i], [&](const at::Tensor &it) { host.push_back(it); });
    for (size_t j = 0; j < device.size(); ++j) {
      if (!device[j].defined() || device[j].storage().data() == host[j].storage().data()) {
        continue;
      }
      TORCH_CHECK(device[j].sizes() == host[j].sizes() && device[j].dtype() == host[j].dtype(), op.schema().name(), " gave ",
                  host[j].dtype(), host[j].sizes(), ", and its meta kernel ", device[j].dtype(), device[j].sizes());
      device[j].copy_(host[j]);
    }
  }
}

// The arguments of a call, taken from the stack.
Stack taken(const c10::OperatorHandle &op, Stack *stack) {
  const size_t n = op.schema().arguments().size();
  Stack arguments(stack->end() - static_cast<std::ptrdiff_t>(n), stack->end());
  torch::jit::drop(*stack, n);
  return arguments;
}

c10::OperatorHandle named(const char *name) { return c10::Dispatcher::singleton().findSchemaOrThrow(name, ""); }

// What libtorch asks of a device in place of `convolution`, of which it chooses the host's algorithm itself.
void convolution(const c10::OperatorHandle &asked, Stack *stack) {
  static const auto op = named("aten::convolution");
  const Stack arguments = taken(asked, stack);
  count("kernel aten::convolution");
  at_once(op, *stack, arguments, *place_of(arguments));
}

void convolution_backward(const c10::OperatorHandle &asked, Stack *stack) {
  static const auto op = named("aten::convolution_backward");
  Stack arguments = taken(asked, stack);
  // The sizes of the bias: there is one where its gradient is wanted.
  constexpr size_t WEIGHT = 2, BIAS_SIZES = 3;
  const bool has_bias = arguments.back().toBoolList().get(2);
  const int64_t channels = arguments[WEIGHT].toTensor().size(0);
  arguments.insert(arguments.begin() + BIAS_SIZES, has_bias ? IValue(std::vector<int64_t>{channels}) : IValue());
  count("kernel aten::convolution_backward");
  at_once(op, *stack, arguments, *place_of(arguments));
}

void kernel(const c10::OperatorHandle &op, Stack *stack) {
  const Stack arguments = taken(op, stack);
  const auto found = place_of(arguments);
  const c10::Device place = found ? *found : c10::Device(c10::kPrivateUse1, current_device());
  refuse_strangers(op, arguments, place);
  if (has_views(op)) {
    at_once(op, *stack, arguments, place);
    return;
  }
  count("kernel " + op.schema().name());
  auto results = foreseen(op, arguments, place);
  if (!results) {
    if (has_numbers(op)) {
      count("wait for a number");
    }
    at_once(op, *stack, arguments, place);
    return;
  }
  // Work knows addresses and no tensors, as a device does: a tensor's memory may go to others before the work is done, and is used by them
  // after it.
  Bytes bytes;
  Stack here = host_arguments(arguments, bytes, place), there = host_arguments(*results, bytes, place);
  give_generator(op, here, place);
  enqueue(place.index(), op.schema().name(), [op, here, there]() mutable {
    run_on_host(op, here);
    const at::AutoDispatchBelowADInplaceOrView guard;
    deliver(op, there, here);
  });
  drain_if_long(place.index());
  stack->insert(stack->end(), results->begin(), results->end());
}

// The host's choice, so that attention has the host's bits.
int64_t choice(const at::Tensor &query, const at::Tensor &key, const at::Tensor &value, const std::optional<at::Tensor> &mask, double dropout,
               bool causal, std::optional<double> scale, bool grouped) {
  Bytes bytes;
  const auto attended = mask && mask->defined() ? std::optional(seen(*mask, bytes)) : mask;
  at::Tensor q = seen(query, bytes), k = seen(key, bytes), v = seen(value, bytes);
  // Whether gradients are wanted decides as well.
  q.set_requires_grad(query.requires_grad());
  k.set_requires_grad(key.requires_grad());
  v.set_requires_grad(value.requires_grad());
  return at::_fused_sdp_choice(q, k, v, attended, dropout, causal, scale, grouped);
}

// Every op that has a kernel for the host is one that an NPU may have. It gets the kernel above even where libtorch would compose the op of
// others, which would give other bits.
torch::Library &library() {
  static auto *library = new torch::Library(torch::Library::IMPL, "aten", DispatchKey::PrivateUse1, __FILE__, __LINE__);
  return *library;
}

} // namespace

void register_kernels() {
  torch::Library &all = library();
  register_memory_ops(all);
  all.impl("convolution_overrideable", torch::CppFunction::makeFromBoxedFunction<&convolution>());
  all.impl("convolution_backward_overrideable", torch::CppFunction::makeFromBoxedFunction<&convolution_backward>());
  for (const c10::OperatorName &name : c10::Dispatcher::singleton().getAllOpNames()) {
    const auto op = c10::Dispatcher::singleton().findOp(name);
    const bool is_of_aten = op && op->hasSchema() && name.name.compare(0, 6, "aten::") == 0;
    if (!is_of_aten || !op->hasKernelForDispatchKey(DispatchKey::CPU) || op->hasKernelForDispatchKey(DispatchKey::PrivateUse1)) {
      continue;
    }
    const std::string full = name.overload_name.empty() ? name.name : name.name + "." + name.overload_name;
    all.impl(full.c_str(), torch::CppFunction::makeFromBoxedFunction<&kernel>());
  }
}

} // namespace npu

namespace at::native {
static int64_t simulated_choice(const Tensor &q, const Tensor &k, const Tensor &v, const std::optional<Tensor> &mask, double dropout, bool causal,
                                std::optional<double> scale, bool grouped) {
  return npu::choice(q, k, v, mask, dropout, causal, scale, grouped);
}
REGISTER_PRIVATEUSE1_DISPATCH(_fused_sdp_choice_stub, &simulated_choice)
} // namespace at::native
