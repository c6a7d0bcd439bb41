#include "study/questions_file.h"

#include "io/file.h"
#include "train/settings.h"

namespace deltascape::study {
namespace {

namespace fs = std::filesystem;
using Ordered = nlohmann::ordered_json;

std::vector<StudyTraining> trainings(const io::JsonFields& fields, const char* key, const TrainOptions& usual) {
  std::vector<StudyTraining> out;
  const auto object = fields.object(key);
  if (!object) return out;
  for (const auto& [name, value] : object->json().items()) {
    const auto one = object->object(name);
    if (!one) object->fail(name, "an object of training, examples");
    one->require_known({"training", "examples"});
    StudyTraining training{.name = name, .training = usual};
    if (const auto settings = one->object("training")) training::read_settings(*settings, training.training);
    training.examples = one->integer("examples").value_or(0);
    if (training.examples < 0) one->fail("examples", "an integer from 0");
    out.push_back(std::move(training));
  }
  return out;
}

std::vector<StudyQuestions::File> files(const io::JsonFields& fields, const char* key, bool hub) {
  std::vector<StudyQuestions::File> out;
  const auto object = fields.object(key);
  if (!object) return out;
  for (const auto& [name, value] : object->json().items()) {
    const std::string given = object->string(name).value_or("");
    const std::string path = (fields.file().parent_path() / given).lexically_normal().string();
    if (given.empty() || (!hub && !io::exists(path))) object->fail(name, "a path of a file that exists");
    out.push_back({name, io::exists(path) ? path : given});
  }
  return out;
}

template <class Integer>
std::vector<Integer> counts(const io::JsonFields& fields, const char* key) {
  std::vector<Integer> out;
  const io::Json* list = fields.find(key);
  if (list == nullptr) return out;
  if (!list->is_array()) fields.fail(key, "a list of whole numbers");
  for (const io::Json& item : *list) {
    if (!item.is_number_integer() || item < 1 || item > 1'000'000) fields.fail(key, "a list of whole numbers");
    out.push_back(item.get<Integer>());
  }
  return out;
}

StudyBenchmark benchmark(const io::JsonFields& fields, const TrainOptions& usual) {
  fields.require_known(
      {"members", "checkpoints", "continued", "merged", "copies", "random", "representations", "regret"});
  StudyBenchmark out;
  out.members = trainings(fields, "members", usual);
  out.checkpoints = counts<std::int64_t>(fields, "checkpoints");
  out.continued = fields.boolean("continued").value_or(false);
  out.merged = fields.boolean("merged").value_or(false);
  out.copies = fields.boolean("copies").value_or(false);
  out.random = fields.boolean("random").value_or(false);
  if (fields.has("representations")) out.representations = representation_names(fields);
  out.regret = fields.boolean("regret").value_or(false);
  return out;
}

Ordered json_of(const std::vector<StudyTraining>& trainings) {
  Ordered out = Ordered::object();
  for (const StudyTraining& one : trainings)
    out[one.name] = {{"training", training::settings_json(one.training)}, {"examples", one.examples}};
  return out;
}
Ordered json_of(const std::optional<StudyBenchmark>& benchmark) {
  if (!benchmark) return nullptr;
  return {{"members", json_of(benchmark->members)},
          {"checkpoints", benchmark->checkpoints},
          {"continued", benchmark->continued},
          {"merged", benchmark->merged},
          {"copies", benchmark->copies},
          {"random", benchmark->random},
          {"representations", benchmark->representations},
          {"regret", benchmark->regret}};
}
Ordered json_of(const std::vector<StudyQuestions::File>& files) {
  Ordered out = Ordered::object();
  for (const auto& [name, path] : files) out[name] = path;
  return out;
}

}  // namespace

std::vector<std::string> representation_names(const io::JsonFields& fields) {
  std::vector<std::string> out;
  const io::Json* list = fields.find("representations");
  if (list == nullptr) return out;
  if (!list->is_array()) fields.fail("representations", "a list of names, as `embed` takes them");
  for (const io::Json& item : *list) {
    if (!item.is_string()) fields.fail("representations", "a list of names, as `embed` takes them");
    out.push_back(item.get<std::string>());
  }
  return out;
}

void read_questions(const io::JsonFields& fields, StudyOptions& options) {
  fields.require_known({"layer", "variations", "few_shot", "additivity", "probes", "leave_one_out", "bases",
                        "pool_sizes", "benchmark", "layers"});
  StudyQuestions& out = options.questions;
  out.layer = fields.string("layer").value_or(out.layer);
  out.variations = trainings(fields, "variations", options.training);
  out.few_shot = trainings(fields, "few_shot", options.few_shot);
  out.additivity = trainings(fields, "additivity", options.training);
  out.probes = files(fields, "probes", false);
  out.leave_one_out = fields.boolean("leave_one_out").value_or(false);
  out.bases = files(fields, "bases", true);
  out.pool_sizes = counts<int>(fields, "pool_sizes");
  if (const auto asked = fields.object("benchmark")) out.benchmark = benchmark(*asked, options.training);
  out.layers = fields.boolean("layers").value_or(false);
}

Ordered questions_json(const StudyQuestions& questions) {
  return {{"layer", questions.layer},
          {"variations", json_of(questions.variations)},
          {"few_shot", json_of(questions.few_shot)},
          {"additivity", json_of(questions.additivity)},
          {"probes", json_of(questions.probes)},
          {"leave_one_out", questions.leave_one_out},
          {"bases", json_of(questions.bases)},
          {"pool_sizes", questions.pool_sizes},
          {"benchmark", json_of(questions.benchmark)},
          {"layers", questions.layers}};
}

}  // namespace deltascape::study
