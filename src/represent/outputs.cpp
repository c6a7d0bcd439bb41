#include "represent/outputs.h"

#include "io/file.h"
#include "io/json.h"
#include "represent/answers.h"
#include "represent/sentence_encoder.h"
#include "represent/whole_models.h"

namespace deltascape::represent {
namespace {

constexpr std::int64_t kTokens = 64;  // of an answer

class Outputs : public VectorReading {
 public:
  explicit Outputs(const Base& base)
      : base_(base),
        models_(base, base.options.precision),
        encoder_(base.options.encoder, base.options.precision == "fp64" ? at::kDouble : at::kFloat, base.progress),
        answers_(base, kTokens) {
    if (!base.options.outputs_file.empty() && base.options.base.empty())
      throw Error(ErrorCode::kUsage, "answers of several bases do not go into one file: give " + option("base"),
                  {.field = option("outputs_file")});
  }

  store::Space space() const override { return base_.space("outputs", {{"encoder", encoder_.identity()}}); }
  std::vector<Measured> measure(std::span<const Member> members, Progress& progress) override;

 private:
  using Texts = std::vector<std::string>;
  Texts said_by(engine::Weights& weights, const engine::VariantOperators& variant, Progress& progress) const;
  void keep(const std::string& name, const Texts& texts);

  const Base& base_;
  WholeModels models_;
  SentenceEncoder encoder_;
  Answers answers_;
  Texts base_said_;
  at::Tensor of_base_;  // [probes, width], once something has run
  std::string lines_;   // of outputs_file so far
};

Outputs::Texts Outputs::said_by(engine::Weights& weights, const engine::VariantOperators& variant,
                                Progress& progress) const {
  return answers_.to(base_.ids, weights, variant, models_.pass_bytes(), {},
                     [&](std::int64_t steps) { advance(progress, steps); });
}

void Outputs::keep(const std::string& name, const Texts& texts) {
  for (std::size_t probe = 0; probe < texts.size(); ++probe) {
    const io::Json line = {{"name", name}, {"probe", probe}, {"text", texts[probe]}};
    lines_ += line.dump(-1, ' ', false, io::Json::error_handler_t::replace) + "\n";
  }
}

std::vector<Measured> Outputs::measure(std::span<const Member> members, Progress& progress) {
  const std::size_t models = members.size() + (of_base_.defined() ? 0 : 1);
  progress.begin("answers", static_cast<std::int64_t>(models * base_.ids.size()));
  if (!of_base_.defined()) {
    models_.ask_base([&](auto& weights, const auto& none) { base_said_ = said_by(weights, none, progress); });
    of_base_ = encoder_(base_said_).to(at::kDouble);
    keep(base_.name, base_said_);
  }
  std::vector<Measured> out(members.size());
  const auto errors = ask_each(members, [&](std::size_t i) {
    Texts said = base_said_;
    if (!members[i].is_base())
      models_.ask_member(members[i],
                         [&](auto& weights, const auto& variant) { said = said_by(weights, variant, progress); });
    // Equal answers are equal vectors, whatever stands beside them.
    out[i].samples = (encoder_(said).to(at::kDouble) - of_base_).unsqueeze(0);
    keep(members[i].name, said);
  });
  for (std::size_t i = 0; i < members.size(); ++i) {
    out[i].error = errors[i];
    out[i].base = of_base_.unsqueeze(0);
    out[i].precision = models_.precision();
  }
  if (!base_.options.outputs_file.empty()) io::write_file_atomically(base_.options.outputs_file, lines_);
  return out;
}

}  // namespace

std::unique_ptr<VectorReading> outputs(const Base& base, const Parameters&) { return std::make_unique<Outputs>(base); }

}  // namespace deltascape::represent
