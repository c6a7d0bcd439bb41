#include "study/study_file.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "deltascape/error.h"
#include "io/file.h"
#include "study/questions_file.h"
#include "train/settings.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;

// What decides no trained adapter, or is compared by content: the examples, and the base's identity.
constexpr std::string_view kFree[] = {"base",      "out",       "adapters",        "domains",
                                      "calibrate", "positions", "representations", "questions",
                                      "encoder",   "probes",    "precision"};

[[noreturn]] void refuse(const fs::path& file, const std::string& key, const std::string& message,
                         const std::string& found) {
  throw Error(ErrorCode::kBadFile, message, {.path = file.string(), .field = key, .expected = {}, .found = found});
}

std::string beside(const fs::path& file, const std::string& path) {
  return (file.parent_path() / path).lexically_normal().string();  // an absolute path stays
}

// A path from the study's folder where there is one, else a hub id.
std::string model(const fs::path& file, const std::string& base) {
  const std::string path = beside(file, base);
  return io::exists(path) ? path : base;
}

std::vector<StudyDomain> domains(const io::JsonFields& fields) {
  const auto object = fields.object("domains");
  if (!object) fields.fail("domains", "an object of name: file");
  std::vector<StudyDomain> out;
  for (const auto& [name, value] : object->json().items()) {
    const std::string path = beside(fields.file(), object->string(name).value_or(""));
    if (name.empty() || name.find_first_of("/\\") != std::string::npos || name.starts_with('.'))
      refuse(fields.file(), "domains." + name, "a domain's name is a word", {});
    if (!io::is_regular_file(path)) refuse(fields.file(), "domains." + name, "no such file", path);
    out.push_back({name, path});
  }
  return out;
}

template <class Integer>
void read_count(const io::JsonFields& fields, const char* name, Integer& value, std::int64_t least) {
  const std::int64_t found = fields.integer(name).value_or(value);
  if (found < least || found > 1'000'000) fields.fail(name, "an integer from " + std::to_string(least));
  value = static_cast<Integer>(found);
}

std::vector<std::string> positions(const io::JsonFields& fields) {
  const io::Json* list = fields.find("positions");
  if (list == nullptr) return {"last"};
  if (!list->is_array() || list->empty()) fields.fail("positions", "a list of last, mean, weighted");
  std::vector<std::string> out;
  for (const io::Json& item : *list) {
    if (item != "last" && item != "mean" && item != "weighted") fields.fail("positions", "last, mean or weighted");
    out.push_back(item.get<std::string>());
  }
  return out;
}

}  // namespace

StudyOptions read_study(const std::string& file) {
  const io::Json json = io::read_json(file);
  const io::JsonFields fields(json, file);
  fields.require_known({"base", "out", "adapters", "domains", "splits", "examples", "tasks", "held_out", "training",
                        "few_shot", "calibrate", "positions", "representations", "questions", "encoder", "probes",
                        "precision"});
  StudyOptions out;
  if (!fields.has("base")) fields.fail("base", "a directory, a .gguf file or a hub id");
  out.base = model(file, *fields.string("base"));
  out.out = beside(file, fields.string("out").value_or("study"));
  if (const auto adapters = fields.string("adapters")) out.adapters = beside(file, *adapters);
  out.domains = domains(fields);
  read_count(fields, "splits", out.splits, 1);
  read_count(fields, "examples", out.examples, 0);
  read_count(fields, "tasks", out.tasks, 0);
  read_count(fields, "held_out", out.held_out, 1);
  if (const auto training = fields.object("training")) training::read_settings(*training, out.training);
  if (const auto few_shot = fields.object("few_shot")) training::read_settings(*few_shot, out.few_shot);
  out.calibrate = fields.boolean("calibrate").value_or(out.calibrate);
  out.positions = positions(fields);
  out.representations = study::representation_names(fields);
  if (const auto asked = fields.object("questions")) study::read_questions(*asked, out);
  if (const auto encoder = fields.string("encoder")) out.encoder = model(file, *encoder);
  if (const auto probes = fields.string("probes")) out.probes_file = beside(file, *probes);
  out.precision = fields.string("precision").value_or(out.precision);
  return out;
}

namespace study {

nlohmann::ordered_json configuration(const StudyOptions& options, const std::string& base_identity) {
  nlohmann::ordered_json domains = nlohmann::ordered_json::object();
  for (const StudyDomain& domain : options.domains) domains[domain.name] = domain.file;
  return {{"base", options.base},
          {"base_identity", base_identity},
          {"out", options.out},
          {"adapters", options.adapters},
          {"domains", std::move(domains)},
          {"splits", options.splits},
          {"examples", options.examples},
          {"tasks", options.tasks},
          {"held_out", options.held_out},
          {"training", training::settings_json(options.training)},
          {"few_shot", training::settings_json(options.few_shot)},
          {"calibrate", options.calibrate},
          {"positions", options.positions},
          {"representations", options.representations},
          {"questions", questions_json(options.questions)},
          {"encoder", options.encoder},
          {"probes", options.probes_file},
          {"precision", options.precision}};
}

std::string differing_key(const io::Json& before, const io::Json& now) {
  for (const auto& [key, value] : now.items()) {
    if (std::ranges::find(kFree, key) != std::end(kFree)) continue;
    const auto found = before.find(key);
    if (found == before.end()) return key;
    if (value.is_object() && found->is_object()) {
      for (const auto& [name, setting] : value.items())
        if (found->value(name, io::Json()) != setting) return key + "." + name;
    } else if (*found != value) {
      return key;
    }
  }
  return {};
}

}  // namespace study
}  // namespace deltascape
