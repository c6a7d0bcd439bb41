// Owns `deltascape train`: finetuning, an adapter in PEFT's layout out.
#include "deltascape/train.h"

#include "cli/common_options.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "deltascape/models.h"

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
  verb.add_option("--out", o.out, "Output directory; it must not exist yet")->required()->type_name("DIR");
  verb.add_option("--method", o.method, "What to train: lora, ia3, prefix or full")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_option("--loss", o.loss, "sft: cross-entropy on the completion; dpo: chosen against rejected")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_option("--init", o.init,
                  "An adapter of the same method to start from (a path, or a name in the store); its rank, alpha and "
                  "targets hold")
      ->type_name("MODEL");
  verb.add_option("--base-name", o.base_name, "Base model name to write into the adapter; default: BASE")
      ->type_name("NAME");
}

void add_method(CLI::App& verb, TrainOptions& o) {
  verb.add_option("--rank", o.rank, "LoRA rank")->type_name("N")->capture_default_str();
  verb.add_option("--alpha", o.alpha, "LoRA alpha: the update is scaled by alpha / rank")
      ->type_name("X")
      ->capture_default_str();
  verb.add_option("--dropout", o.dropout, "Dropout on the input of each LoRA module")
      ->type_name("SHARE")
      ->capture_default_str();
  verb.add_option(
          "--targets", o.targets,
          "Last components of module names, as q_proj,v_proj; left out: the family's q, k, v, gate, up and down "
          "of LoRA, k, v and down of ia3")
      ->delimiter(',')
      ->type_name("NAMES");
  verb.add_option("--virtual-tokens", o.virtual_tokens, "Virtual tokens of --method prefix")
      ->type_name("N")
      ->capture_default_str();
  verb.add_option("--beta", o.beta, "Beta of --loss dpo")->type_name("X")->capture_default_str();
}

void add_optimiser(CLI::App& verb, TrainOptions& o) {
  verb.add_option("--learning-rate,--lr", o.learning_rate, "Peak learning rate of AdamW")
      ->type_name("X")
      ->capture_default_str();
  verb.add_option("--weight-decay", o.weight_decay, "Weight decay of AdamW")->type_name("X")->capture_default_str();
  verb.add_option("--clip", o.clip, "Maximum gradient norm; 0: no clipping")->type_name("X")->capture_default_str();
  verb.add_option("--schedule", o.schedule, "Learning rate schedule: constant, linear or cosine")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_option("--warmup", o.warmup, "Warmup: share of the steps over which the learning rate rises")
      ->type_name("SHARE")
      ->capture_default_str();
  verb.add_option("--batch,--batch-size", o.batch, "Examples per forward pass")->type_name("N")->capture_default_str();
  verb.add_option("--accumulation", o.accumulation, "Gradient accumulation: forward passes per step")
      ->type_name("N")
      ->capture_default_str();
  verb.add_option("--epochs", o.epochs, "Passes over the data")->type_name("X")->capture_default_str();
  verb.add_option("--max-steps", o.max_steps, "Number of steps, instead of --epochs")->type_name("N");
}

void add_data(CLI::App& verb, TrainOptions& o) {
  verb.add_option("--max-examples", o.max_examples, "Use only the first N examples; 0: all")
      ->type_name("N")
      ->capture_default_str();
  verb.add_option("--max-tokens", o.max_tokens,
                  "Maximum length of an example; default: what the base can read, at most 2048")
      ->type_name("N");
  verb.add_option("--long-examples", o.long_examples,
                  "What to do with examples beyond --max-tokens: error, skip, or truncate (an example whose prompt "
                  "alone is too "
                  "long is skipped)")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_flag("--shuffle,!--no-shuffle", o.shuffle, "Shuffle the examples in every epoch, or keep the file's order")
      ->default_str("shuffle");
  verb.add_option("--seed", o.seed, "Seed for shuffling, initialisation and dropout")
      ->type_name("N")
      ->capture_default_str();
}

void add_how(CLI::App& verb, TrainOptions& o) {
  verb.add_option("--precision", o.precision, "fp32, bf16 (matrix products only) or fp64")
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_flag("--recompute", o.recompute, "Gradient checkpointing: less memory, a third more time");
  add_memory(verb, o.memory, "Memory for the base's weights, as 4GiB; default: all of them");
  add_threads(verb, o.threads);
  verb.add_option("--checkpoint-seconds", o.checkpoint_seconds,
                  "Seconds between the checkpoints from which a killed run resumes")
      ->type_name("X")
      ->capture_default_str();
  verb.add_flag("--restart", o.restart, "Start over instead of resuming an unfinished run of the same --out");
}

}  // namespace

void add_train(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(
      app, session, "train", "Finetune a base into a PEFT adapter or a full model",
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
