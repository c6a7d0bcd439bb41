// Owns the probe prompts: the paper's five, or a user's file (DESIGN §5).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace deltascape::embedding {

// arXiv 2509.04442, appendix: five wordings of one generic instruction with an empty task.
std::vector<std::string> default_probes();
// .json ({"probes":[…]} or {"task","input","templates":[…]}), .jsonl ({"text"} a line), .txt (a probe a line, \n and
// \\ escapes). Throws Error naming file, line and field; a file without a probe is an error.
std::vector<std::string> read_probes(const std::filesystem::path& file);

}  // namespace deltascape::embedding
