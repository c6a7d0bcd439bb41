// What is read of the variants of one base, and what a representation makes of it: the shape that every row of the
// table (representation.h) has.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deltascape/embed.h"
#include "deltascape/error.h"
#include "deltascape/progress.h"
#include "pass/engine.h"

namespace deltascape::represent {

// What the variants of one base share. `options` and `progress` outlive it.
struct Base {
  // Opens the base and reads its probes as it does. Throws Error as embed() does.
  Base(const std::string& name, const EmbedOptions& options, Progress& progress);

  const EmbedOptions& options;
  Progress& progress;
  std::string name;  // as the user gave it
  std::shared_ptr<const model::Checkpoint> model;
  c10::Device device;
  std::string tokenizer;                       // its identity
  std::vector<std::string> probes;             // texts
  std::vector<std::vector<std::int64_t>> ids;  // of the probes, as the base reads them
  std::size_t memory() const;                  // bytes that a run may take beside LibTorch's own
  // A space of this base, with its tokenizer and the hash of the probes among the parameters.
  store::Space space(const std::string& representation, std::map<std::string, std::string> parameters) const;
};

// A variant of the base, distinct from the others by content. What it points to outlives the call that it is given to.
struct Member {
  const engine::Variant* variant = nullptr;
  std::string name;  // for messages
  std::string hash;  // of its content
  std::filesystem::path path;
  bool is_base() const { return variant->adapter == nullptr && variant->full == nullptr; }  // its own copy
};

// One variant as a vector, or several (rows, the layers).
struct Measured {
  std::optional<Error> error{};  // why there is nothing else
  at::Tensor samples{};          // variant minus base, [rows, samples, width]; the embedding is their mean
  at::Tensor base{};             // what the base gives, of the same shape
  std::string precision{};
  std::optional<double> numeric_error{};  // relative; empty: not measured
  bool half = false;                      // whether the record keeps its numbers as float16 has them
};

// Inner products of variants.
struct Products {
  at::Tensor values;                         // [fresh, members], float64
  std::vector<std::optional<Error>> errors;  // one a member: its row and its column count for nothing
};

// One representation of one base's variants. Throws Error where nothing at all can be measured.
class Reading {
 public:
  virtual ~Reading() = default;
  // Makes what the space depends on, where that takes a run of the base. Called once, before anything is measured.
  virtual void prepare(Progress&) {}
  // Throws Error(kUsage) where it is not known without prepare().
  virtual store::Space space() const = 0;
  // What `auto` chose the precision by; empty where it chose none.
  virtual std::string precision_reason() const { return {}; }
  // How many variants are measured together; 0: all of them.
  virtual std::size_t together() const { return static_cast<std::size_t>(engine::kMostTogether); }
  // Whether the base's probes are read, so that a variant's own tokenizer is worth a note.
  virtual bool reads_probes() const { return true; }
};

class VectorReading : public Reading {
 public:
  // One for each member, in order.
  virtual std::vector<Measured> measure(std::span<const Member> members, Progress& progress) = 0;
};

class ProductReading : public Reading {
 public:
  std::size_t together() const override { return 0; }
  bool reads_probes() const override { return false; }
  // Of the first `fresh` members with all members.
  virtual Products measure(std::span<const Member> members, std::size_t fresh, Progress& progress) = 0;
};

}  // namespace deltascape::represent
