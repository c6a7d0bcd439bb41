#include "represent/continuations.h"

#include <cstdlib>

#include "core/hash.h"
#include "io/file.h"
#include "io/json.h"
#include "io/lines.h"
#include "represent/answers.h"

namespace deltascape::represent {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = std::size_t{256} << 20;
constexpr std::int64_t kTokens = 64;
constexpr std::uint64_t kSeed = 0, kAttempts = 16;
constexpr const char* kForm = R"({"probe": 0, "text": "…"})";

Continuation read_line(const std::string& line, const fs::path& where, std::size_t probes) {
  const io::Json json = io::parse_json(line, where);
  if (!json.is_object())
    throw Error(ErrorCode::kBadFile, "no continuation on this line",
                {.path = where.string(), .expected = kForm, .found = json.type_name()});
  const io::JsonFields fields(json, where);
  const std::int64_t probe = fields.required_integer("probe");
  if (probe < 0 || static_cast<std::size_t>(probe) >= probes)
    throw Error(ErrorCode::kBadFile, "there is no such probe",
                {.path = where.string(),
                 .field = "probe",
                 .expected = "0 to " + std::to_string(probes - 1),
                 .found = std::to_string(probe)});
  Continuation out{static_cast<std::size_t>(probe), fields.string("text").value_or("")};
  if (out.text.empty())
    throw Error(ErrorCode::kBadFile, "an empty continuation", {.path = where.string(), .field = "text"});
  return out;
}

}  // namespace

std::vector<Continuation> read_continuations(const fs::path& file, std::size_t probes) {
  std::vector<Continuation> out;
  for (const io::Line& line : io::read_lines(file, kMaxFile))
    out.push_back(read_line(line.text, file.string() + ":" + std::to_string(line.number), probes));
  if (out.empty())
    throw Error(ErrorCode::kBadFile, "no continuation in this file", {.path = file.string(), .expected = kForm});
  return out;
}

void write_continuations(const fs::path& file, const std::vector<Continuation>& continuations) {
  std::string out;
  for (const Continuation& c : continuations)
    out +=
        io::Json{{"probe", c.probe}, {"text", c.text}}.dump(-1, ' ', false, io::Json::error_handler_t::replace) + "\n";
  io::write_file_atomically(file, out);
}

fs::path kept_continuations(const Base& base) {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? fs::path(value) : fs::path();
  };
  fs::path root = set("XDG_CACHE_HOME");
  if (root.empty() && !set("HOME").empty()) root = set("HOME") / ".cache";
  if (root.empty()) return {};
  Hasher hasher;
  hasher.update(base.model->identity()).update(base.tokenizer);
  for (const std::string& probe : base.probes) hasher.update(std::string_view(probe));
  return root / "deltascape" / "continuations" / (hasher.hex() + ".jsonl");
}

std::vector<Continuation> sample_continuations(const Base& base, WholeModels& models, std::size_t each,
                                               Progress& progress) {
  const std::size_t count = each * base.ids.size();
  std::vector<std::string> texts(count);
  const Answers answers(base, kTokens);
  progress.begin("sampling continuations", static_cast<std::int64_t>(count));
  for (std::uint64_t attempt = 0; attempt < kAttempts; ++attempt) {
    std::vector<std::size_t> empty;
    for (std::size_t i = 0; i < count; ++i)
      if (texts[i].empty()) empty.push_back(i);
    if (empty.empty()) break;
    std::vector<std::vector<std::int64_t>> prompts;
    std::vector<Random> random;
    for (const std::size_t i : empty) {
      prompts.push_back(base.ids[i / each]);
      random.emplace_back(kSeed, Purpose::kSample, attempt * count + i);
    }
    models.ask_base([&](engine::Weights& weights, const engine::VariantOperators& none) {
      const auto said = answers.to(prompts, weights, none, models.pass_bytes(), random,
                                   [&](std::int64_t steps) { advance(progress, attempt == 0 ? steps : 0); });
      for (std::size_t k = 0; k < empty.size(); ++k) texts[empty[k]] = said[k];
    });
  }
  std::vector<Continuation> out;
  for (std::size_t i = 0; i < count; ++i)
    if (!texts[i].empty()) out.push_back({i / each, std::move(texts[i])});
  if (out.empty())
    throw Error(ErrorCode::kNumeric, "the base says nothing after the probes: give " + option("continuations_file"),
                {.path = base.name});
  if (out.size() < count)
    progress.note(base.name + ": " + std::to_string(count - out.size()) + " of " + std::to_string(count) +
                  " continuations came out empty and are left out");
  return out;
}

std::string hash_of(const std::vector<Continuation>& continuations, const std::vector<std::string>& probes) {
  Hasher hasher;
  for (const Continuation& c : continuations)
    hasher.update(std::string_view(probes[c.probe])).update(std::string_view(c.text));
  return hasher.hex();
}

}  // namespace deltascape::represent
