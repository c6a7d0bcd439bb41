// Embeds finetuned models of one base into a store: embed_models STORE.db BASE MODEL...
#include <deltascape/embed_results.h>
#include <deltascape/error.h>
#include <deltascape/models.h>

#include <cstdio>

// Prints what the library has to say; begin() and advance() would draw a bar, cancelled() would end the work.
class Notes final : public deltascape::Progress {
 public:
  void begin(std::string_view, std::int64_t) override {}
  void advance(std::int64_t) override {}
  void note(std::string_view line) override { std::fprintf(stderr, "note: %s\n", std::string(line).c_str()); }
};

int main(int argc, char** argv) try {
  if (argc < 4) {
    std::fprintf(stderr, "usage: embed_models STORE.db BASE MODEL...\n");
    return 2;
  }
  const deltascape::Expansion expansion = deltascape::expand_models({argv + 3, argv + argc});
  deltascape::EmbedOptions options;
  options.base = argv[2];
  Notes notes;
  const auto [report, rows] = deltascape::embed_into({.store_file = argv[1]}, expansion.models, options, notes);
  for (const deltascape::store::Record& row : rows) std::printf("%s: norm %.4g\n", row.name.c_str(), row.norm);
  for (const deltascape::EmbedFailure& failure : report.failed)
    std::fprintf(stderr, "%s: %s\n", failure.name.c_str(), failure.error.c_str());
  return report.failed.empty() ? 0 : 1;
} catch (const deltascape::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
