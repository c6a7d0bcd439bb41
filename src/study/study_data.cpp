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
void write_part(const fs::path& file, const std::vector<training::Row>& rows) {
  if (!io::exists(file)) {
    std::string text;
    for (const training::Row& row : rows)
      text += io::Json{{"prompt", row.prompt}, {"completion", row.completions[0]}}.dump() + "\n";
    return io::write_file_atomically(file, std::string_view(text));
  }
  const auto same = [](const training::Row& a, const training::Row& b) {
    return a.prompt == b.prompt && a.completions == b.completions;
  };
  if (!std::ranges::equal(rows_of(file.string()), rows, same))
    throw Error(ErrorCode::kUsage,
                "the study's examples have changed since this part was made: give another \"out\", or remove this one",
                {.path = file.string()});
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
      write_part(out.splits.back().file, part);
    }
    for (int t = 0; t < options.tasks; ++t) {
      const std::string name = domain.name + "-task-" + std::to_string(t + 1);
      const auto first = rows.begin() + static_cast<std::ptrdiff_t>(for_splits) + t * options.held_out;
      out.tasks.push_back({name, domain.name, (folder / (name + ".jsonl")).string()});
      write_part(out.tasks.back().file, std::vector<training::Row>(first, first + options.held_out));
    }
  }
  return out;
}

}  // namespace deltascape::study
