#include "train/options.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "deltascape/error.h"
#include "train/settings.h"

namespace deltascape::training {
namespace {

void require(bool fine, const char* name, const std::string& expected, const std::string& found = "") {
  if (!fine)
    throw Error(ErrorCode::kUsage, "value out of range", {.field = option(name), .expected = expected, .found = found});
}

void require_one_of(const std::string& value, const char* name, const std::vector<std::string>& known) {
  require(std::ranges::find(known, value) != known.end(), name, listed(known), value);
}

}  // namespace

const MethodEntry& method_named(const std::string& name) {
  std::vector<std::string> names;
  for (const MethodEntry& m : methods()) names.emplace_back(m.name);
  require_one_of(name, "method", names);
  return *std::ranges::find(methods(), name, [](const MethodEntry& m) { return std::string(m.name); });
}

void check_options(const TrainOptions& o) {
  require(!o.base.empty(), "base", "a model");
  require(!o.data.empty(), "data", "a file");
  require(!o.out.empty(), "out", "a folder");
  method_named(o.method);
  require_one_of(o.loss, "loss", {"sft", "dpo"});
  require_one_of(o.schedule, "schedule", {"constant", "linear", "cosine"});
  require_one_of(o.long_examples, "long_examples", {"error", "truncate", "skip"});
  require_one_of(o.precision, "precision", {"fp32", "bf16", "fp64"});
  const auto whole = [](std::int64_t value, std::int64_t least, const char* name) {
    constexpr std::int64_t kMost = 1'000'000;  // of anything that is multiplied with something else
    require(value >= least && value <= kMost, name, std::to_string(least) + " to " + std::to_string(kMost),
            std::to_string(value));
  };
  whole(o.rank, 1, "rank");
  whole(o.virtual_tokens, 1, "virtual_tokens");
  whole(o.batch, 1, "batch");
  whole(o.accumulation, 1, "accumulation");
  whole(o.max_steps, 0, "max_steps");
  whole(o.max_examples, 0, "max_examples");
  whole(o.max_tokens, 0, "max_tokens");
  whole(o.threads, 0, "threads");
  const auto within = [](double value, bool fine, const char* name, const char* expected) {
    require(std::isfinite(value) && fine, name, expected, std::to_string(value));
  };
  within(o.alpha, o.alpha != 0, "alpha", "a number, not zero");
  within(o.beta, o.beta > 0, "beta", "more than 0");
  within(o.learning_rate, o.learning_rate > 0, "learning_rate", "more than 0");
  within(o.weight_decay, o.weight_decay >= 0, "weight_decay", "0 or more");
  within(o.clip, o.clip >= 0, "clip", "0 or more");
  within(o.dropout, o.dropout >= 0 && o.dropout < 1, "dropout", "from 0 to below 1");
  within(o.warmup, o.warmup >= 0 && o.warmup <= 1, "warmup", "a share of the steps, from 0 to 1");
  within(o.epochs, o.epochs > 0 && o.epochs <= 1e6, "epochs", "more than 0, at most 1000000");
  within(o.checkpoint_seconds, o.checkpoint_seconds >= 0, "checkpoint_seconds", "0 or more");
}

io::Json deciding(const TrainOptions& o) {
  io::Json out = {{"--seed", o.seed}, {"--base-name", o.base_name}};
  const io::Json settings = settings_json(o);
  for (const auto& [setting, value] : settings.items()) {
    if (setting == "max_tokens" || setting == "long_examples") continue;  // they decide the data, which has a hash
    std::string option = "--" + setting;
    std::ranges::replace(option, '_', '-');
    out[option] = value;
  }
  return out;
}

}  // namespace deltascape::training
