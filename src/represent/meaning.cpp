#include "represent/meaning.h"

#include <cmath>

#include "io/file.h"
#include "represent/continuations.h"

namespace deltascape::represent {
namespace {

namespace fs = std::filesystem;
using engine::Example;
using engine::VariantOperators;
using engine::Weights;

constexpr std::size_t kSamples = 20;    // of a probe
constexpr std::int64_t kTogether = 32;  // texts

class Meaning : public VectorReading {
 public:
  explicit Meaning(const Base& base) : base_(base), models_(base, base.options.precision) {
    file_ = base.options.continuations_file;
    if (file_.empty()) file_ = kept_continuations(base);
    if (!file_.empty() && io::exists(file_)) use(read_continuations(file_, base.probes.size()));
    else if (!base.options.continuations_file.empty()) require_folder();
  }

  void prepare(Progress& progress) override;
  store::Space space() const override;
  std::vector<Measured> measure(std::span<const Member> members, Progress& progress) override;

 private:
  void require_folder() const;
  void use(std::vector<Continuation> continuations);
  // e^(log-likelihood of a byte) of each text, [texts] in float64.
  at::Tensor values(Weights& weights, const VariantOperators& variant, Progress& progress) const;

  const Base& base_;
  WholeModels models_;
  fs::path file_;
  std::vector<Continuation> texts_;
  std::vector<Example> examples_;    // of those texts that have tokens
  std::vector<std::size_t> places_;  // their places among the texts
  at::Tensor of_base_;               // [texts], once something has run
};

void Meaning::require_folder() const {
  const fs::path folder = file_.parent_path();
  if (!folder.empty() && !io::is_directory(folder))
    throw Error(ErrorCode::kNotFound, "there is no such folder to write the continuations into; make it first",
                {.path = folder.string(), .field = option("continuations_file")});
}

void Meaning::use(std::vector<Continuation> continuations) {
  texts_ = std::move(continuations);
  const auto tokenizer = base_.model->tokenizer();
  const std::int64_t most = models_.spec().longest_text();
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const auto ids = tokenizer->encode(texts_[i].text, {.add_special_tokens = false});
    if (ids.empty()) continue;
    Example e{base_.ids[texts_[i].probe], {ids.begin(), ids.end()}};
    if (most > 0 && e.tokens() > most)
      throw Error(ErrorCode::kBadFile, "probe and continuation are longer than this model can read",
                  {.path = file_.string(),
                   .field = "text " + std::to_string(i),
                   .expected = "at most " + std::to_string(most) + " tokens",
                   .found = std::to_string(e.tokens())});
    examples_.push_back(std::move(e));
    places_.push_back(i);
  }
}

void Meaning::prepare(Progress& progress) {
  if (!texts_.empty()) return;
  // In fp32 whatever the precision: the same texts for all.
  std::optional<WholeModels> plain;
  if (std::string(models_.precision()) != "fp32") plain.emplace(base_, "fp32");
  std::vector<Continuation> sampled = sample_continuations(base_, plain ? *plain : models_, kSamples, progress);
  const bool chosen = !base_.options.continuations_file.empty();
  try {
    if (!chosen && !file_.empty()) fs::create_directories(file_.parent_path());
    if (!file_.empty()) {
      write_continuations(file_, sampled);
      progress.note("continuations of the probes were sampled from " + base_.name + ": " + file_.string());
    }
  } catch (const std::exception& e) {
    if (chosen) throw;
    progress.note(std::string("the sampled continuations cannot be kept for the next run: ") + e.what());
  }
  use(std::move(sampled));
}

store::Space Meaning::space() const {
  if (texts_.empty())
    throw Error(ErrorCode::kUsage, "no continuations of this base and these probes have been sampled yet",
                {.field = option("continuations_file"), .expected = "a file, or an embedding of such variants before"});
  // Of no base and no tokenizer: the texts are what all models are asked about.
  return {.representation = "meaning",
          .parameters = {{"continuations", hash_of(texts_, base_.probes)}},
          .base = {},
          .base_name = base_.name,
          .tokenizer = {}};
}

at::Tensor Meaning::values(Weights& weights, const VariantOperators& variant, Progress& progress) const {
  at::Tensor out = at::ones({static_cast<std::int64_t>(texts_.size())}, at::kDouble);
  double* value = out.data_ptr<double>();
  const std::function<void(std::int64_t)> done = [&](std::int64_t steps) { advance(progress, steps); };
  const engine::Asked asked{weights, variant, kTogether, models_.pass_bytes(), done};
  // Texts of one probe together: what stands before them is computed once.
  for (std::size_t begin = 0; begin < examples_.size();) {
    std::size_t end = begin;
    while (end < examples_.size() && texts_[places_[end]].probe == texts_[places_[begin]].probe) ++end;
    const std::vector<double> losses = engine::example_losses(asked, std::span(examples_).subspan(begin, end - begin));
    for (std::size_t k = begin; k < end; ++k) {
      const double loss = losses[k - begin];
      if (!std::isfinite(loss))
        throw Error(ErrorCode::kNumeric, "the loss on a continuation is NaN or Inf",
                    {.path = file_.string(), .field = "text " + std::to_string(places_[k])});
      value[places_[k]] = std::exp(-loss / static_cast<double>(texts_[places_[k]].text.size()));
    }
    begin = end;
  }
  return out;
}

std::vector<Measured> Meaning::measure(std::span<const Member> members, Progress& progress) {
  const std::size_t models = members.size() + (of_base_.defined() ? 0 : 1);
  progress.begin("likelihoods", static_cast<std::int64_t>(models * examples_.size()));
  if (!of_base_.defined())
    models_.ask_base([&](Weights& w, const VariantOperators& v) { of_base_ = values(w, v, progress); });
  std::vector<Measured> out(members.size());
  const auto errors = ask_each(members, [&](std::size_t i) {
    at::Tensor own = of_base_;
    if (!members[i].is_base())
      models_.ask_member(members[i], [&](Weights& w, const VariantOperators& v) { own = values(w, v, progress); });
    out[i].samples = (own - of_base_).view({1, 1, -1});
  });
  for (std::size_t i = 0; i < members.size(); ++i) {
    out[i].error = errors[i];
    out[i].base = of_base_.view({1, 1, -1});
    out[i].precision = models_.precision();
  }
  return out;
}

}  // namespace

std::unique_ptr<VectorReading> meaning(const Base& base, const Parameters&) { return std::make_unique<Meaning>(base); }

}  // namespace deltascape::represent
