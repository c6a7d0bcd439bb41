// Embeds finetuned models of one base into a store: embed_models STORE.db BASE MODEL...
#include <deltascape/embed.h>
#include <deltascape/error.h>
#include <deltascape/store.h>

#include <cstdio>
#include <filesystem>

int main(int argc, char** argv) try {
  if (argc < 4) {
    std::fprintf(stderr, "usage: embed_models STORE.db BASE MODEL...\n");
    return 2;
  }
  std::vector<deltascape::ModelRef> models;
  for (int i = 3; i < argc; ++i) models.push_back({.path = argv[i], .label = "", .name = ""});

  const auto store = deltascape::store::Store::open(argv[1], deltascape::store::Store::Mode::kCreate);
  deltascape::EmbedOptions options;
  options.base = argv[2];
  const deltascape::EmbedReport report = deltascape::embed(models, options, [&](deltascape::store::Record record) {
    const std::string name = store->put(record).name;
    std::printf("%s: norm %.4g\n", name.c_str(), record.norm);
  });
  for (const deltascape::EmbedFailure& failure : report.failed)
    std::fprintf(stderr, "%s: %s\n", failure.name.c_str(), failure.error.c_str());
  return report.failed.empty() ? 0 : 1;
} catch (const deltascape::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
