// Owns reading examples: completions, preferences, choices, from JSONL (a row a line) or a JSON list of rows.
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
  std::int64_t line = 0;  // in the file, from 1: where the row begins
  std::string prompt;     // may be empty
  // The completion; chosen, then rejected; or all choices. None is empty.
  std::vector<std::string> completions;
  std::size_t answer = 0;  // which of them is right
};

// The first `most` rows (0: all). Blank lines and a byte order mark are skipped, other fields ignored. Where the first
// row has no prompt and completion, other names of them count: `question`, `instruction`, `input` and `response`,
// `answer`, `output`, if one of each is there and no other field that a reader would need; `instruction` with `output`
// are Alpaca's, put into its template with its `input`. `told`: one line about that, else empty.
// Throws Error naming file, line and field: no rows, a missing or mistyped field, an empty completion, JSON or UTF-8
// that is none, a row beyond 1 MiB, chats (`messages`), a file of another kind.
std::vector<Row> read_rows(const std::filesystem::path& file, RowKind kind, std::int64_t most = 0,
                           std::string* told = nullptr);

}  // namespace deltascape::training
