// Owns reading examples from JSONL: completions, preferences, choices, a row a line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace deltascape::training {

enum class RowKind {
  kCompletion,  // {"prompt","completion"}
  kPreference,  // {"prompt","chosen","rejected"}
  kChoice,      // {"prompt","choices":[…],"answer": which, from 0, or its text}
};

struct Row {
  std::int64_t line = 0;  // in the file, from 1
  std::string prompt;     // may be empty
  // The completion; chosen, then rejected; or all choices. None is empty.
  std::vector<std::string> completions;
  std::size_t answer = 0;  // which of them is right
};

// The first `most` rows (0: all). Blank lines and a byte order mark are skipped, other fields ignored. Throws Error
// naming file, line and field: no rows, a missing or mistyped field, an empty completion, JSON or UTF-8 that is none, a
// line beyond 1 MiB.
std::vector<Row> read_rows(const std::filesystem::path& file, RowKind kind, std::int64_t most = 0);

}  // namespace deltascape::training
