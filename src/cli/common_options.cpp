#include "cli/common_options.h"

#include "cli/options.h"

namespace deltascape::cli {

void add_memory(CLI::App& verb, std::size_t& bytes, const std::string& help) {
  const auto read = [&bytes](const std::string& text) { bytes = parse_size(text, "--memory"); };
  verb.add_option_function<std::string>("--memory", read, help)->type_name("SIZE");
}

void add_threads(CLI::App& verb, int& threads) {
  verb.add_option("--threads", threads, "Number of threads; default: all cores this process may use")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
}

void add_few_shot_training(CLI::App& verb, TrainOptions& t) {
  verb.add_option("--epochs", t.epochs, "Passes over the examples")
      ->check(CLI::PositiveNumber)
      ->type_name("X")
      ->capture_default_str();
  verb.add_option("--learning-rate", t.learning_rate, "Learning rate of the few-shot finetune")
      ->check(CLI::PositiveNumber)
      ->type_name("X")
      ->capture_default_str();
  verb.add_option("--rank", t.rank, "LoRA rank of the few-shot finetune")
      ->check(CLI::Range(1, 4096))
      ->type_name("N")
      ->capture_default_str();
  verb.add_option("--max-tokens", t.max_tokens, "Longer examples are cut")
      ->check(CLI::Range(2, 1'000'000))
      ->type_name("N")
      ->capture_default_str();
  verb.add_option("--precision", t.precision, "Arithmetic of the finetune: fp32, or bf16 products")
      ->check(CLI::IsMember({"fp32", "bf16"}))
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_option("--seed", t.seed, "Seed of the first run")->type_name("N")->capture_default_str();
}

void add_labels(CLI::App& verb, std::string& file, std::string& pattern, const std::string& searched) {
  verb.add_option("--labels", file, "CSV of name,label")->type_name("F.csv");
  verb.add_option("--label-regex", pattern, "Label = first group (or all) of a match on the " + searched)
      ->type_name("RE");
}

CLI::Option* add_store_at_hand(CLI::App& verb, std::string& file) {
  return verb
      .add_option("--store", file, "Store in which a MODEL that is not a path is looked up by name, if it exists")
      ->type_name("F.db")
      ->capture_default_str();
}

CLI::Option* add_models(CLI::App& verb, ModelArguments& models, const std::string& beside) {
  const auto read = [&models](const std::string& text) { models.options.shard = parse_shard(text); };
  verb.add_option_function<std::string>("--shard", read, "Only item k, from 0, where k mod n = i-1; " + beside)
      ->type_name("i/n");
  add_labels(verb, models.options.labels_file, models.options.label_pattern, "path");
  verb.add_flag("--recursive", models.options.recursive,
                "Search folders recursively, not only their direct subfolders");
  return verb
      .add_option(
          "MODEL", models.typed,
          "Directory, folder of models, file, name in the store, hub id, quoted pattern, label=MODEL, @list.txt "
          "with one MODEL a line, or @list.jsonl with {\"model\",\"name\",\"label\"}")
      ->type_name("");
}

std::vector<ModelRef> expand(const ModelArguments& models, const Console& console) {
  Expansion expansion = expand_models(models.typed, models.options);
  for (const std::string& note : expansion.notes) console.note(note);
  return std::move(expansion.models);
}

}  // namespace deltascape::cli
