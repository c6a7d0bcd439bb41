#include "study/study_data.h"

#include <algorithm>
#include <fstream>

#include "deltascape/error.h"
#include "io/file.h"
#include "io/utf8.h"
#include "train/rows.h"

namespace deltascape::study {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostBytes = std::size_t{4} << 30;

// The lines that hold examples, as they stand there.
std::vector<std::string> example_lines(const std::string& file) {
  const std::vector<training::Row> rows = training::read_rows(file, training::RowKind::kCompletion);
  std::vector<std::string> lines;
  std::ifstream in(file);
  std::string text;
  auto row = rows.begin();
  for (std::int64_t line = 1; row != rows.end() && std::getline(in, text); ++line) {
    if (line != row->line) continue;
    lines.emplace_back(line == 1 ? io::without_byte_order_mark(text) : text);
    ++row;
  }
  return lines;
}

void write_part(const fs::path& file, const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  if (!io::exists(file)) return io::write_file_atomically(file, std::string_view(text));
  if (io::read_text(file, kMostBytes) != text)
    throw Error(ErrorCode::kUsage,
                "the study's examples have changed since this part was made: give another \"out\", or remove this one",
                {.path = file.string()});
}

}  // namespace

Parts write_parts(const StudyOptions& options, const fs::path& folder) {
  Parts out;
  for (const StudyDomain& domain : options.domains) {
    const std::vector<std::string> lines = example_lines(domain.file);
    const auto held_out = static_cast<std::size_t>(options.tasks * options.held_out);
    const auto splits = static_cast<std::size_t>(options.splits);
    const std::size_t least = held_out + splits * static_cast<std::size_t>(std::max<std::int64_t>(options.examples, 1));
    if (lines.size() < least)
      throw Error(ErrorCode::kBadFile, "too few examples for its splits and tasks",
                  {.path = domain.file,
                   .field = domain.name,
                   .expected = std::to_string(least),
                   .found = std::to_string(lines.size())});
    const std::size_t for_splits = lines.size() - held_out;
    for (std::size_t s = 0; s < splits; ++s) {
      const std::string name = domain.name + "-" + std::to_string(s + 1);
      std::vector<std::string> part;
      for (std::size_t i = s; i < for_splits; i += splits)
        if (options.examples == 0 || std::ssize(part) < options.examples) part.push_back(lines[i]);
      out.splits.push_back({name, domain.name, (folder / (name + ".jsonl")).string()});
      write_part(out.splits.back().file, part);
    }
    for (int t = 0; t < options.tasks; ++t) {
      const std::string name = domain.name + "-task-" + std::to_string(t + 1);
      const auto first = lines.begin() + static_cast<std::ptrdiff_t>(for_splits) + t * options.held_out;
      out.tasks.push_back({name, domain.name, (folder / (name + ".jsonl")).string()});
      write_part(out.tasks.back().file, std::vector<std::string>(first, first + options.held_out));
    }
  }
  return out;
}

}  // namespace deltascape::study
