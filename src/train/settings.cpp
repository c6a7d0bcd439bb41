#include "train/settings.h"

namespace deltascape::training {
namespace {

template <class Options, class Visit>
void visit(Options& o, Visit&& field) {
  field("method", o.method);
  field("loss", o.loss);
  field("rank", o.rank);
  field("alpha", o.alpha);
  field("dropout", o.dropout);
  field("targets", o.targets);
  field("virtual_tokens", o.virtual_tokens);
  field("beta", o.beta);
  field("learning_rate", o.learning_rate);
  field("weight_decay", o.weight_decay);
  field("clip", o.clip);
  field("schedule", o.schedule);
  field("warmup", o.warmup);
  field("batch", o.batch);
  field("accumulation", o.accumulation);
  field("epochs", o.epochs);
  field("max_steps", o.max_steps);
  field("max_tokens", o.max_tokens);
  field("long_examples", o.long_examples);
  field("shuffle", o.shuffle);
  field("precision", o.precision);
  field("recompute", o.recompute);
}

void read(const io::JsonFields& fields, const char* name, std::vector<std::string>& value) {
  const io::Json* list = fields.find(name);
  if (list == nullptr) return;
  if (!list->is_array()) fields.fail(name, "a list of texts");
  value.clear();
  for (const io::Json& item : *list) {
    if (!item.is_string()) fields.fail(name, "a list of texts");
    value.push_back(item.get<std::string>());
  }
}
void read(const io::JsonFields& fields, const char* name, std::string& value) {
  value = fields.string(name).value_or(value);
}
void read(const io::JsonFields& fields, const char* name, double& value) { value = fields.real(name).value_or(value); }
void read(const io::JsonFields& fields, const char* name, bool& value) { value = fields.boolean(name).value_or(value); }
void read(const io::JsonFields& fields, const char* name, std::int64_t& value) {
  value = fields.integer(name).value_or(value);
}

}  // namespace

io::Json settings_json(const TrainOptions& options) {
  io::Json out = io::Json::object();
  visit(options, [&](const char* name, const auto& value) { out[name] = value; });
  return out;
}

void read_settings(const io::JsonFields& fields, TrainOptions& options) {
  std::vector<std::string> known;
  visit(options, [&](const char* name, auto& value) {
    known.emplace_back(name);
    read(fields, name, value);
  });
  fields.require_known(known);
}

}  // namespace deltascape::training
