#include "represent/probes.h"

#include "deltascape/error.h"
#include "io/file.h"
#include "io/json.h"
#include "io/lines.h"
#include "io/utf8.h"

namespace deltascape::represent {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMaxFile = std::size_t{64} << 20;
constexpr const char* kForms =
    R"(["a probe", …], {"probes": ["a probe", …]} or {"task": "…", "input": "…", "templates": ["{task} {input}", …]})";

// Python's str.format with the fields task and input: {{ and }} are braces.
std::string filled(const std::string& pattern, const std::string& task, const std::string& input,
                   const fs::path& file) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c != '{' && c != '}') {
      out += c;
    } else if (i + 1 < pattern.size() && pattern[i + 1] == c) {
      out += c;
      ++i;
    } else if (c == '{' && pattern.compare(i, 6, "{task}") == 0) {
      out += task;
      i += 5;
    } else if (c == '{' && pattern.compare(i, 7, "{input}") == 0) {
      out += input;
      i += 6;
    } else {
      throw Error(ErrorCode::kBadFile, "a brace that is not a field",
                  {.path = file.string(),
                   .field = "templates",
                   .expected = "{task}, {input}, {{ or }}",
                   .found = pattern.substr(i, 20)});
    }
  }
  return out;
}

std::string text_of(const io::Json& value, const fs::path& file, const std::string& field) {
  if (!value.is_string())
    throw Error(ErrorCode::kBadFile, "not a text",
                {.path = file.string(), .field = field, .expected = "a string", .found = value.type_name()});
  return value.get<std::string>();
}

// A probe of a list: its text, or the object that .jsonl has on a line.
std::string probe_of(const io::Json& value, const fs::path& file, const std::string& field) {
  return text_of(value.is_object() && value.contains("text") ? value.at("text") : value, file, field);
}

void require_utf8(std::string_view line, const fs::path& where) {
  for (std::string_view rest = line; !rest.empty();) {
    const std::size_t before = rest.size();
    // U+FFFD itself takes three bytes.
    if (io::take_utf8(rest) != io::kReplacement || before - rest.size() != 1) continue;
    throw Error(ErrorCode::kBadFile, "this line is not UTF-8: save the file as UTF-8",
                {.path = where.string(), .field = "byte " + std::to_string(line.size() - before + 1)});
  }
}

std::vector<std::string> from_json(const fs::path& file) {
  const io::Json json = io::parse_json(io::without_byte_order_mark(io::read_text(file, kMaxFile)), file);
  std::vector<std::string> out;
  if (json.is_array()) {
    for (std::size_t i = 0; i < json.size(); ++i) out.push_back(probe_of(json[i], file, "[" + std::to_string(i) + "]"));
    return out;
  }
  if (!json.is_object())
    throw Error(ErrorCode::kBadFile, "no probes",
                {.path = file.string(), .expected = kForms, .found = json.type_name()});
  const io::JsonFields fields(json, file);
  const bool plain = fields.has("probes");
  const io::Json* list = fields.find(plain ? "probes" : "templates");
  if (list == nullptr || !list->is_array()) fields.fail(plain ? "probes" : "probes or templates", kForms);
  const std::string task = fields.string("task").value_or(""), input = fields.string("input").value_or("");
  for (const io::Json& item : *list) {
    out.push_back(plain ? probe_of(item, file, "probes") : filled(text_of(item, file, "templates"), task, input, file));
  }
  return out;
}

std::string unescape(const std::string& line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool escape = line[i] == '\\' && i + 1 < line.size() && (line[i + 1] == 'n' || line[i + 1] == '\\');
    if (!escape) out += line[i];
    else out += line[++i] == 'n' ? '\n' : '\\';
  }
  return out;
}

std::vector<std::string> from_lines(const fs::path& file, bool json_lines) {
  std::vector<std::string> out;
  for (const io::Line& line : io::read_lines(file, kMaxFile)) {
    const fs::path where = file.string() + ":" + std::to_string(line.number);
    require_utf8(line.text, where.string());
    if (!json_lines) {
      out.push_back(unescape(line.text));
      continue;
    }
    const io::Json json = io::parse_json(line.text, where);
    if (!json.is_string() && !(json.is_object() && json.contains("text")))
      throw Error(ErrorCode::kBadFile, "no probe on this line",
                  {.path = where.string(), .field = "text", .expected = R"({"text": "a probe"})"});
    out.push_back(probe_of(json, where, "text"));
  }
  return out;
}

}  // namespace

std::vector<std::string> default_probes() {
  const char* openings[] = {
      "Below is an instruction that describes a task. Write a response that appropriately completes the request.",
      "The task described below requires a response that completes the request accurately.",
      "Below is a description of a task. Provide a response that aligns with the requirements.",
      "The following instruction outlines a task. Generate a response that meets the specified request.",
      "You are given an instruction and input. Write a response that completes the task as requested."};
  std::vector<std::string> out;
  for (const char* opening : openings)
    out.push_back(std::string(opening) +
                  "\n\n### Instruction:\nPlease provide a response. Input:Input.\n\n### Response:");
  return out;
}

std::vector<std::string> read_probes(const fs::path& file) {
  const fs::path kind = file.extension();
  if (kind != ".json" && kind != ".jsonl" && kind != ".txt")
    throw Error(ErrorCode::kUsage, "unknown kind of probe file",
                {.path = file.string(), .field = option("probes_file"), .expected = ".json, .jsonl or .txt"});
  std::vector<std::string> out = kind == ".json" ? from_json(file) : from_lines(file, kind == ".jsonl");
  if (out.empty()) throw Error(ErrorCode::kBadFile, "no probe in this file", {.path = file.string()});
  return out;
}

std::vector<std::vector<std::int64_t>> probe_ids(const text::Tokenizer& tokenizer,
                                                 const std::vector<std::string>& probes) {
  constexpr std::size_t kMaxTokens = 256;
  std::vector<std::vector<std::int64_t>> out;
  for (const std::string& probe : probes) {
    const auto ids = tokenizer.encode(probe, {.add_special_tokens = true, .max_length = kMaxTokens});
    out.emplace_back(ids.begin(), ids.end());
  }
  return out;
}

}  // namespace deltascape::represent
