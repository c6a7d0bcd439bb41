// Owns a pool of tiny adapters for tests, trained here: a domain is one completion to many prompts.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "deltascape/embed.h"
#include "deltascape/task.h"
#include "deltascape/train.h"
#include "goldens.h"
#include "temporary_folder.h"

namespace deltascape::study {

inline const std::vector<std::pair<std::string, std::string>>& domains() {
  static const std::vector<std::pair<std::string, std::string>> all = {
      {"music", " la la la la"}, {"numbers", " 7 7 7 7"}, {"shouting", " NO! NO! NO!"}};
  return all;
}

class TinyPool : public deltascape::testing::FolderTest {
 protected:
  static std::string base() { return (deltascape::testing::models_folder() / "llama/base").string(); }

  // Examples first to last of a domain.
  std::string examples(const std::string& name, const std::string& completion, int first, int last) const {
    const std::filesystem::path file = folder_ / (name + ".jsonl");
    std::ofstream out(file);
    for (int i = first; i < last; ++i)
      out << R"({"prompt": "Question )" << i << R"(:", "completion": ")" << completion << "\"}\n";
    return file.string();
  }

  static TrainOptions quick(TrainOptions options = few_shot_training()) {
    options.learning_rate = 1e-2;
    options.epochs = 2;
    return options;
  }

  // Two adapters a domain, in a folder below.
  std::vector<ModelRef> train_pool(const std::string& on = base(), const std::string& folder = "pool") const {
    std::vector<ModelRef> out;
    for (const auto& [domain, completion] : domains())
      for (int split = 0; split < 2; ++split) {
        TrainOptions options = quick();
        const std::string name = domain + "-" + std::to_string(split + 1);
        options.base = on;
        options.data = examples(name, completion, 100 * split, 100 * split + 12);
        options.out = (folder_ / folder / name).string();
        options.seed = static_cast<std::uint64_t>(split);
        std::filesystem::create_directories(folder_ / folder);
        train(options);
        out.push_back({.path = options.out, .label = domain, .name = name});
      }
    return out;
  }

  static std::vector<store::Record> embedded(const std::vector<ModelRef>& models, const std::string& layer,
                                             const std::string& on = base()) {
    std::vector<store::Record> out;
    const EmbedReport report = embed(models, {.base = on, .layer = layer, .precision = "fp32"},
                                     [&](store::Record record) { out.push_back(std::move(record)); });
    EXPECT_TRUE(report.failed.empty());
    return out;
  }
};

}  // namespace deltascape::study
