// Owns `deltascape eval`: how well a base and its variants do a task.
#include <cmath>
#include <optional>
#include <span>

#include "cli/common_options.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "deltascape/evaluate.h"
#include "io/file.h"

namespace deltascape::cli {
namespace {

struct EvalVerb {
  EvaluateOptions options;
  std::string predictions;
  ModelArguments models;
  CLI::Option* store = nullptr;
};

Json prediction_json(const Prediction& p, const std::string& metric) {
  Json out = {{"name", p.name}, {"line", p.line}};
  if (metric == "exact") {
    out["said"] = p.said;
  } else if (metric == "choice") {
    out["choice"] = p.choice;
    out["likelihoods"] = p.likelihoods;
  } else {
    out["loss"] = p.loss;
    out["tokens"] = p.tokens;
  }
  if (metric != "loss") out["right"] = p.right;
  return out;
}

Json result_json(const Evaluation& e) {
  Json out = {{"name", e.name},
              {"label", e.label},
              {"metric", e.metric},
              {"value", json_number(e.value)},
              {"stderr", json_number(e.standard_error)},
              {"examples", e.examples}};
  if (e.metric == "choice") {
    out["by_character"] = json_number(e.by_character);
    out["by_character_stderr"] = json_number(e.by_character_error);
  } else if (e.metric == "loss") {
    out["perplexity"] = json_number(e.perplexity);
    out["bits_per_byte"] = json_number(e.bits_per_byte);
  }
  const PairedDifference none{.value = NAN, .low = {}, .high = {}, .p = {}};
  const PairedDifference d = e.difference.value_or(none);
  out["difference"] = json_number(d.value);
  out["low"] = json_number(d.low);
  out["high"] = json_number(d.high);
  out["p"] = json_number(d.p);
  return out;
}

Json report_json(const EvaluateReport& report) {
  Json results = Json::array(), failed = Json::array();
  for (const Evaluation& e : report.results) results.push_back(result_json(e));
  for (const EmbedFailure& f : report.failed) failed.push_back({{"name", f.name}, {"error", f.error}});
  return {{"results", std::move(results)}, {"failed", std::move(failed)}};
}

report::Table table_of(const std::vector<Evaluation>& results, const std::string& metric) {
  using report::Align;
  std::vector<report::Column> columns{{"name"},
                                      {"label"},
                                      {"metric"},
                                      {"value", Align::kRight},
                                      {"stderr", Align::kRight},
                                      {"examples", Align::kRight}};
  if (metric == "choice")
    columns.insert(columns.end(), {{"by_character", Align::kRight}, {"by_character_stderr", Align::kRight}});
  if (metric == "loss")
    columns.insert(columns.end(), {{"perplexity", Align::kRight}, {"bits_per_byte", Align::kRight}});
  const bool compared = results.size() > 1;  // more than the base
  if (compared)
    columns.insert(
        columns.end(),
        {{"difference", Align::kRight}, {"low", Align::kRight}, {"high", Align::kRight}, {"p", Align::kRight}});
  report::Table table(std::move(columns));
  for (const Evaluation& e : results) {
    std::vector<std::string> cells{
        e.name, e.label, e.metric, number(e.value), number(e.standard_error), std::to_string(e.examples)};
    if (metric == "choice") cells.insert(cells.end(), {number(e.by_character), number(e.by_character_error)});
    if (metric == "loss") cells.insert(cells.end(), {number(e.perplexity), number(e.bits_per_byte)});
    if (compared) {
      const PairedDifference d = e.difference.value_or(PairedDifference{.value = NAN, .low = {}, .high = {}, .p = {}});
      for (const double v : {d.value, d.low.value_or(NAN), d.high.value_or(NAN), d.p.value_or(NAN)})
        cells.push_back(number(v, 3));
    }
    table.add(std::move(cells));
  }
  return table;
}

int run_eval(EvalVerb verb, const Console& console) {
  verb.models.options.store_named = verb.store->count() > 0;
  const std::vector<ModelRef> models = expand(verb.models, console);
  std::optional<io::AtomicFile> predictions;
  if (!verb.predictions.empty()) predictions.emplace(verb.predictions);
  const auto told = [&](const Prediction& p) {
    if (!predictions) return;
    const std::string line =
        prediction_json(p, verb.options.metric).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    predictions->write(std::as_bytes(std::span(line)));
  };
  EvaluateReport report;
  {
    ProgressBar progress(console);
    report = evaluate(models, verb.options, told, progress);
  }
  if (predictions) predictions->commit();
  for (const EmbedFailure& failure : report.failed) console.failure(failure.name, failure.error);
  if (console.json) console.print_json(report_json(report));
  else if (console.quiet)
    for (const Evaluation& e : report.results) console.print_line(e.name);
  else console.print_table(table_of(report.results, verb.options.metric));
  return exit_code(report.results.size() - 1, report.failed.size());  // the base is no variant
}

void add_what(CLI::App& verb, EvalVerb& v) {
  EvaluateOptions& o = v.options;
  verb.add_option("--base", o.base, "HF directory, .gguf file or hub id; it is evaluated too, as `base`")
      ->required()
      ->type_name("BASE");
  verb.add_option("--data", o.data,
                  "JSONL: {\"prompt\",\"completion\"} a line; for choice {\"prompt\",\"choices\",\"answer\"}")
      ->required()
      ->type_name("F.jsonl");
  verb.add_option("--metric", o.metric,
                  "exact: the greedy answer is the completion; choice: the right one of the choices is the likeliest; "
                  "loss: mean cross-entropy of the completions' tokens")
      ->required()
      ->check(CLI::IsMember({"exact", "choice", "loss"}))
      ->type_name("NAME");
  verb.add_option("--match", o.match,
                  "How --metric exact compares: text (ignoring surrounding space), contains or last-number")
      ->check(CLI::IsMember({"text", "contains", "last-number"}))
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_option("--tokens", o.tokens, "Maximum length of a generated answer")
      ->check(CLI::Range(1, 1 << 20))
      ->type_name("N")
      ->capture_default_str();
  verb.add_option("--stop", o.stops, "Stop generation before this text; repeatable")->type_name("TEXT");
  verb.add_option("--limit", o.limit, "Use only the first N examples; default: all")
      ->check(CLI::Range(1, 1 << 30))
      ->type_name("N");
  verb.add_option("--predictions", v.predictions, "Write what each model made of each example")->type_name("F.jsonl");
}

void add_how(CLI::App& verb, EvalVerb& v) {
  EvaluateOptions& o = v.options;
  verb.add_option("--batch", o.batch, "Examples per forward pass, where memory allows")
      ->check(CLI::Range(1, 1 << 20))
      ->type_name("N")
      ->capture_default_str();
  verb.add_option("--precision", o.precision, "Arithmetic; bf16 applies to matrix products only")
      ->check(CLI::IsMember({"fp32", "bf16", "fp64"}))
      ->type_name("NAME")
      ->capture_default_str();
  add_memory(verb, o.memory);
  add_threads(verb, o.threads);
  v.models.options.store_file = kDefaultStore;
  v.store = add_store_at_hand(verb, v.models.options.store_file);
  add_models(verb, v.models, "the base is in every shard");
}

}  // namespace

void add_eval(CLI::App& app, Session& session) {
  CLI::App* verb =
      add_verb(app, session, "eval", "How well a base and its variants do a task",
               "deltascape eval --base SmolLM2-135M --data math.jsonl --metric loss adapters/*\n"
               "  deltascape eval --base SmolLM2-135M --data gsm8k.jsonl --metric exact --match last-number "
               "adapters/math-1");
  const auto options = std::make_shared<EvalVerb>();
  add_what(*verb, *options);
  add_how(*verb, *options);
  verb->callback(
      [&session, options] { session.run = [&session, options] { return run_eval(*options, session.console); }; });
}

}  // namespace deltascape::cli
