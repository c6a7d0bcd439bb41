// Owns what the readers of GGUF metadata share: its keys below a family's prefix, and one function a group of them.
#pragma once

#include "model/spec.h"

namespace deltascape::model {

class GgufKeys {
 public:
  GgufKeys(const io::GgufFile& file, std::string architecture) : file_(file), prefix_(std::move(architecture) + ".") {}
  // From 1 to 2^24.
  std::int64_t required(const std::string& key) const;
  std::int64_t integer(const std::string& key, std::int64_t otherwise) const;
  // Of an array with a number for each layer, the one that all have; Error(kUnsupported) where they differ.
  std::optional<std::int64_t> any_integer(const std::string& key) const;
  double real(const std::string& key, double otherwise) const { return file_.real(prefix_ + key).value_or(otherwise); }
  // A factor: finite and not 0.
  double factor(const std::string& key, double otherwise) const;
  std::optional<std::string> string(const std::string& key) const { return file_.string(prefix_ + key); }
  std::optional<bool> boolean(const std::string& key) const { return file_.boolean(prefix_ + key); }
  // A key that changes the result in a way that is not computed.
  [[noreturn]] void unsupported(const std::string& key, const std::string& found) const;
  // The same, where its number is greater.
  void refuse_above(const std::string& key, std::int64_t most) const;
  bool has_tensor(const std::string& name) const { return file_.find(name) != nullptr; }
  const io::GgufFile& file() const { return file_; }
  [[noreturn]] void fail(const std::string& key, const std::string& expected) const;

 private:
  const io::GgufFile& file_;
  std::string prefix_;
};

// Each into a spec that has the numbers of its blocks.
void read_gguf_ropes(const GgufKeys& k, ModelSpec& s);
void read_gguf_layers(const GgufKeys& k, ModelSpec& s);
void read_gguf_experts(const GgufKeys& k, ModelSpec& s);
void read_gguf_scales(const GgufKeys& k, ModelSpec& s);

}  // namespace deltascape::model
