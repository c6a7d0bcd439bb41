#include "study/study_data.h"

#include <algorithm>

#include "deltascape/error.h"
#include "io/file.h"
#include "io/json.h"
#include "train/rows.h"

namespace deltascape::study {
namespace {

namespace fs = std::filesystem;

std::vector<training::Row> rows_of(const std::string& file) {
  return training::read_rows(file, training::RowKind::kCompletion);
}

// A part is written in our own words, whatever the examples' file calls its fields.
std::string completions(const std::vector<training::Row>& rows) {
  std::string text;
  for (const training::Row& row : rows)
    text += io::Json{{"prompt", row.prompt}, {"completion", row.completions[0]}}.dump() + "\n";
  return text;
}

// What lies there already must be the same.
void write_once(const fs::path& file, const std::string& text) {
  if (!io::exists(file)) return io::write_file_atomically(file, std::string_view(text));
  if (fs::file_size(file) != text.size() || io::read_text(file, text.size()) != text)
    throw Error(ErrorCode::kUsage,
                "the study's examples have changed since this part was made: give another \"out\", or remove this one",
                {.path = file.string()});
}

std::vector<training::Row> first_of(const Part& part, std::int64_t first) {
  std::vector<training::Row> rows = rows_of(part.file);
  if (first > std::ssize(rows))
    throw Error(ErrorCode::kUsage, "more examples are asked for than this part has",
                {.path = part.file,
                 .field = "examples",
                 .expected = "at most " + std::to_string(rows.size()),
                 .found = std::to_string(first)});
  if (first > 0) rows.resize(static_cast<std::size_t>(first));
  return rows;
}

// Beside the part, as "math-1-first-20.jsonl".
fs::path beside(const Part& part, const std::string& name, std::int64_t first) {
  return fs::path(part.file).parent_path() / (name + (first == 0 ? "" : "-first-" + std::to_string(first)) + ".jsonl");
}

}  // namespace

Parts write_parts(const StudyOptions& options, const fs::path& folder) {
  Parts out;
  for (const StudyDomain& domain : options.domains) {
    const std::vector<training::Row> rows = rows_of(domain.file);
    const auto held_out = static_cast<std::size_t>(options.tasks * options.held_out);
    const auto splits = static_cast<std::size_t>(options.splits);
    const std::size_t least = held_out + splits * static_cast<std::size_t>(std::max<std::int64_t>(options.examples, 1));
    if (rows.size() < least)
      throw Error(ErrorCode::kBadFile, "too few examples for its splits and tasks",
                  {.path = domain.file,
                   .field = domain.name,
                   .expected = std::to_string(least),
                   .found = std::to_string(rows.size())});
    const std::size_t for_splits = rows.size() - held_out;
    for (std::size_t s = 0; s < splits; ++s) {
      const std::string name = domain.name + "-" + std::to_string(s + 1);
      std::vector<training::Row> part;
      for (std::size_t i = s; i < for_splits; i += splits)
        if (options.examples == 0 || std::ssize(part) < options.examples) part.push_back(rows[i]);
      out.splits.push_back({name, domain.name, (folder / (name + ".jsonl")).string()});
      write_once(out.splits.back().file, completions(part));
    }
    for (int t = 0; t < options.tasks; ++t) {
      const std::string name = domain.name + "-task-" + std::to_string(t + 1);
      const auto first = rows.begin() + static_cast<std::ptrdiff_t>(for_splits) + t * options.held_out;
      out.tasks.push_back({name, domain.name, (folder / (name + ".jsonl")).string()});
      write_once(out.tasks.back().file, completions({first, first + options.held_out}));
    }
  }
  return out;
}

std::string write_first(const Part& part, std::int64_t first) {
  if (first == 0) return part.file;
  const fs::path file = beside(part, part.name, first);
  write_once(file, completions(first_of(part, first)));
  return file.string();
}

std::string write_preferences(const Part& part, std::int64_t first) {
  const std::vector<training::Row> rows = first_of(part, first);
  std::string text;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string& chosen = rows[i].completions[0];
    std::size_t other = (i + 1) % rows.size();
    while (other != i && rows[other].completions[0] == chosen) other = (other + 1) % rows.size();
    if (other == i)
      throw Error(ErrorCode::kBadFile, "every example has the same completion: there is none to reject",
                  {.path = part.file});
    text += io::Json{{"prompt", rows[i].prompt}, {"chosen", chosen}, {"rejected", rows[other].completions[0]}}.dump() +
            "\n";
  }
  const fs::path file = beside(part, part.name + "-preferences", first);
  write_once(file, text);
  return file.string();
}

std::string write_union(const Part& one, const Part& other, std::int64_t first) {
  const fs::path file = beside(one, one.name + "+" + other.name, first);
  write_once(file, completions(first_of(one, first)) + completions(first_of(other, first)));
  return file.string();
}

}  // namespace deltascape::study
