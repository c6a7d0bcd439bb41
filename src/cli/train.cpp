// Owns `deltascape train`: finetuning, an adapter in PEFT's layout out.
#include "deltascape/train.h"

#include "cli/common_options.h"
#include "cli/progress_bar.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "store/model_words.h"

namespace deltascape::cli {
namespace {

struct TrainVerb {
  TrainOptions options;
  std::string store_file = kDefaultStore;
  CLI::Option* store = nullptr;
};

// --init may be a name of the store.
TrainOptions resolved(const TrainVerb& verb) {
  TrainOptions options = verb.options;
  store::StoreAtHand store(verb.store_file, verb.store->count() > 0);
  options.init = store::model_path(options.init, store);
  return options;
}

int run_train(const TrainOptions& options, const Console& console) {
  TrainReport report;
  {
    ProgressBar progress(console);
    report = train(options, progress);
  }
  if (console.json)
    console.print_json({{"out", report.out},
                        {"examples", report.examples},
                        {"skipped", report.skipped},
                        {"steps", report.steps},
                        {"tokens", report.tokens},
                        {"resumed_at", report.resumed_at},
                        {"seconds", report.seconds},
                        {"first_loss", json_number(report.first_loss)},
                        {"last_loss", json_number(report.last_loss)}});
  else if (console.quiet) console.print_line(report.out);
  else
    console.print_line(
        "wrote " + report.out + ": " + std::to_string(report.steps) + " steps over " + std::to_string(report.examples) +
        " examples, loss " + number(report.first_loss) + " -> " + number(report.last_loss) + ", " +
        number(report.seconds > 0 ? static_cast<double>(report.tokens) / report.seconds : 0) + " tokens/s");
  return kExitDone;
}

void add_what(CLI::App& verb, TrainOptions& o) {
  verb.add_option("--base", o.base, "HF directory, .gguf file or hub id")->required()->type_name("BASE");
  verb.add_option("--data", o.data,
                  "{\"prompt\",\"completion\"} a line, Alpaca's columns, or a JSON list of such; of dpo "
                  "{\"prompt\",\"chosen\",\"rejected\"}")
      ->required()
      ->type_name("F.jsonl");
  verb.add_option("--out", o.out, "A directory that is not there yet")->required()->type_name("DIR");
  verb.add_option("--method", o.method, "What is trained: lora, ia3, prefix or full")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_option("--loss", o.loss, "sft: completions alone count; dpo: chosen against rejected")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_option("--init", o.init,
                  "An adapter of the same method to start from (a path, or a name in the store); its rank, alpha and "
                  "targets hold")
      ->type_name("MODEL");
  verb.add_option("--base-name", o.base_name, "What the adapter says it is for; left out: BASE")->type_name("NAME");
}

void add_method(CLI::App& verb, TrainOptions& o) {
  verb.add_option("--rank", o.rank, "Of LoRA")->type_name("N")->capture_default_str();
  verb.add_option("--alpha", o.alpha, "Of LoRA")->type_name("X")->capture_default_str();
  verb.add_option("--dropout", o.dropout, "Of what LoRA reads")->type_name("SHARE")->capture_default_str();
  verb.add_option(
          "--targets", o.targets,
          "Last components of module names, as q_proj,v_proj; left out: the family's q, k, v, gate, up and down "
          "of LoRA, k, v and down of ia3")
      ->delimiter(',')
      ->type_name("NAMES");
  verb.add_option("--virtual-tokens", o.virtual_tokens, "Of prefix")->type_name("N")->capture_default_str();
  verb.add_option("--beta", o.beta, "Of dpo")->type_name("X")->capture_default_str();
}

void add_optimiser(CLI::App& verb, TrainOptions& o) {
  verb.add_option("--learning-rate,--lr", o.learning_rate, "Of AdamW")->type_name("X")->capture_default_str();
  verb.add_option("--weight-decay", o.weight_decay, "Of AdamW")->type_name("X")->capture_default_str();
  verb.add_option("--clip", o.clip, "The gradient's norm is at most this; 0: whatever it is")
      ->type_name("X")
      ->capture_default_str();
  verb.add_option("--schedule", o.schedule, "Learning rate: constant, linear or cosine")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_option("--warmup", o.warmup, "Share of the steps in which it rises")
      ->type_name("SHARE")
      ->capture_default_str();
  verb.add_option("--batch,--batch-size", o.batch, "Examples a pass")->type_name("N")->capture_default_str();
  verb.add_option("--accumulation", o.accumulation, "Passes a step")->type_name("N")->capture_default_str();
  verb.add_option("--epochs", o.epochs, "Times through the data")->type_name("X")->capture_default_str();
  verb.add_option("--max-steps", o.max_steps, "Instead of --epochs")->type_name("N");
}

void add_data(CLI::App& verb, TrainOptions& o) {
  verb.add_option("--max-examples", o.max_examples, "The first so many; 0: all")->type_name("N")->capture_default_str();
  verb.add_option("--max-tokens", o.max_tokens, "Of an example; left out: what the base can read, at most 2048")
      ->type_name("N");
  verb.add_option("--long-examples", o.long_examples,
                  "error, skip, or truncate: their ends are cut off, and those go whose prompt alone is too long")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_flag("--shuffle,!--no-shuffle", o.shuffle, "Another order each epoch, or the file's")
      ->default_str("shuffle");
  verb.add_option("--seed", o.seed, "Of order, start and dropout")->type_name("N")->capture_default_str();
}

void add_how(CLI::App& verb, TrainOptions& o) {
  verb.add_option("--precision", o.precision, "fp32, bf16 (of products alone) or fp64")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_flag("--recompute", o.recompute, "Less memory, a third more time (gradient checkpointing)");
  add_memory(verb, o.memory, "For the base's weights, as 4GiB; left out: all of them");
  add_threads(verb, o.threads);
  verb.add_option("--checkpoint-seconds", o.checkpoint_seconds, "Between the states a killed run goes on from")
      ->type_name("X")
      ->capture_default_str();
  verb.add_flag("--restart", o.restart, "Begin anew where an unfinished run of the same --out lies");
}

}  // namespace

void add_train(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(
      app, session, "train", "Finetune a base; an adapter in PEFT's layout, or a full model, out",
      "deltascape train --base SmolLM2-135M --data math.jsonl --out adapters/math\n"
      "  deltascape train --base SmolLM2-135M --data pairs.jsonl --loss dpo --learning-rate 1e-5 --out adapters/dpo");
  const auto given = std::make_shared<TrainVerb>();
  TrainOptions* const options = &given->options;
  given->store = add_store_at_hand(*verb, given->store_file);
  add_what(*verb, *options);
  add_method(*verb, *options);
  add_optimiser(*verb, *options);
  add_data(*verb, *options);
  add_how(*verb, *options);
  verb->callback(
      [&session, given] { session.run = [&session, given] { return run_train(resolved(*given), session.console); }; });
}

}  // namespace deltascape::cli
