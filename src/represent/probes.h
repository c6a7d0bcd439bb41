// Owns the probe prompts: the paper's five, or a user's file (docs/design.md §5.1).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace deltascape::represent {

// arXiv 2509.04442, appendix: five wordings of one generic instruction with an empty task.
std::vector<std::string> default_probes();
// .json (["a probe", …], {"probes":[…]} or {"task","input","templates":[…]}), .jsonl ({"text"} a line), .txt (a probe a
// line, \n and \\ escapes). Throws Error naming file, line and field; a file without a probe is an error, and so is one
// that is not UTF-8.
std::vector<std::string> read_probes(const std::filesystem::path& file);
// Each probe's token ids as a model sees them: special tokens added, truncated to 256 as arXiv 2509.04442's code does.
std::vector<std::vector<std::int64_t>> probe_ids(const text::Tokenizer& tokenizer,
                                                 const std::vector<std::string>& probes);

}  // namespace deltascape::represent
