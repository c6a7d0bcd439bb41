// Owns what reaches the user: JSON or tables on stdout, notes and errors on stderr, and how numbers are written.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "report/table.h"

namespace deltascape::cli {

using Json = nlohmann::ordered_json;

// The options every verb has.
struct Console {
  bool json = false;
  bool quiet = false;

  // One document. Bytes that are no UTF-8 (a path may hold them) become U+FFFD, NaN becomes null.
  void print_json(const Json& document) const;
  void print_table(const report::Table& table) const;
  // A line of text; control characters are escaped, so that a name cannot drive the terminal.
  void print_line(std::string_view line) const;
  // To stderr; left out with -q.
  void note(std::string_view line) const;
  // To stderr, always: "NAME: what went wrong".
  void failure(std::string_view line) const;
  // Of a model, whose name stands before an error that does not say it: the library's line mostly starts with the path,
  // which says more than the name does.
  void failure(std::string_view name, std::string_view error) const;
};

// Text of the library with its options as the command line spells them: "--max-tokens" for max_tokens. All that is
// printed goes through it.
std::string spelled(std::string_view text);

bool is_terminal(int descriptor);
// On a terminal, with neither NO_COLOR set nor TERM=dumb.
bool use_colour(int descriptor);
// Columns of the terminal, 0 when it is none.
std::size_t terminal_width(int descriptor);

// "0.731", "12.4", "3.2e-05"; "-" for a value that does not exist.
std::string number(double value, int digits = 4);
// A cosine or silhouette with three decimals and a sign place.
std::string ratio(std::optional<double> value);
// "1.2 GiB".
std::string bytes(double count);
// null for a missing or non-finite value.
Json json_number(std::optional<double> value);

// Throws Error(kIo) when stdout could not be written (a full disk behind a pipe).
void flush_stdout();

}  // namespace deltascape::cli
