// Owns what the fields of examples are called: ours, Alpaca's, and other names that mean the same.
#pragma once

#include <string>

#include "io/json.h"
#include "train/rows.h"

namespace deltascape::training {

// Of one file: its first row decides.
struct Columns {
  std::string prompt = "prompt";
  std::string completion = "completion";
  std::string choices = "choices";
  bool alpaca = false;  // the prompt is Alpaca's template around `instruction` and `input`
  std::string told;     // one line that says so; empty for our own names
};

// Throws Error(kBadFile): no field that could be meant, several that could, or a chat.
Columns columns_of(const io::JsonFields& row, RowKind kind);

// The template that Stanford Alpaca was trained with (github.com/tatsu-lab/stanford_alpaca), as the data
// set's `text` column has it: with a line end behind "### Response:", where train.py of that repository has none.
std::string alpaca_prompt(const std::string& instruction, const std::string& input);

}  // namespace deltascape::training
