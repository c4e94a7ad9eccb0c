// Checkpoints that Python's `torch.save` wrote.
#include "guard.h"
#include "shim.h"

#include <torch/csrc/jit/serialization/pickle.h>

#include <fstream>
#include <iterator>
#include <vector>

extern "C" bool dinov3_read_pth(const char *path, const char *key, void *context,
                                void (*each)(void *context, const char *name, dinov3_tensor owned)) {
  return succeeds([&] {
    std::ifstream file(path, std::ios::binary);
    TORCH_CHECK(file, "the file cannot be opened");
    const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const c10::IValue all = torch::jit::pickle_load(bytes);
    TORCH_CHECK(all.isGenericDict() && all.toGenericDict().contains(key), "it is no dictionary with the key `", key, "`");
    const c10::IValue weights = all.toGenericDict().at(key);
    TORCH_CHECK(weights.isGenericDict(), "its `", key, "` is no dictionary");
    for (const auto &entry : weights.toGenericDict()) {
      TORCH_CHECK(entry.key().isString() && entry.value().isTensor(), "its `", key, "` holds something that is no named tensor");
      each(context, entry.key().toStringRef().c_str(), new at::Tensor(entry.value().toTensor()));
    }
  });
}
