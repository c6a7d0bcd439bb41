// Owns `deltascape tokenize`: the ids that `embed` would feed, one JSON a line of text.
#include "cli/options.h"
#include "cli/verbs.h"
#include "deltascape/embed.h"
#include "io/file.h"

namespace deltascape::cli {
namespace {

constexpr std::size_t kMaxTextBytes = std::size_t{64} << 20;

struct TokenizeOptions {
  std::string base, file;
};

// '\n' ends a line and nothing else does, so that other line separators can be tokenised.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

int tokenize_file(const TokenizeOptions& options, const Console& console) {
  const auto lines = lines_of(io::read_text(options.file, kMaxTextBytes));
  for (const auto& ids : tokenize(options.base, lines)) console.print_json({{"ids", ids}});
  return kExitDone;
}

}  // namespace

void add_tokenize(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "tokenize", "Token ids of a file's lines, one JSON a line",
                            "deltascape tokenize --base SmolLM2-135M --file prompts.txt");
  const auto options = std::make_shared<TokenizeOptions>();
  verb->add_option("--base", options->base, "HF directory, .gguf file or hub id")->required()->type_name("BASE");
  verb->add_option("--file", options->file, "UTF-8 text; only \\n ends a line")->required()->type_name("F");
  verb->callback(
      [&session, options] { session.run = [&session, options] { return tokenize_file(*options, session.console); }; });
}

}  // namespace deltascape::cli
