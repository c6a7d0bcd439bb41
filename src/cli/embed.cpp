// Owns `deltascape embed`: the main job.
#include "deltascape/embed.h"

#include "cli/common_options.h"
#include "cli/embed_results.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "deltascape/inspect.h"

namespace deltascape::cli {
namespace {

struct EmbedVerb {
  EmbedOptions options;
  EmbedTargets targets;
  ModelArguments models;
};

// One npz for several bases is a usage error; adapters name their base in their header, so it is said at the start.
void require_one_named_base(const std::vector<ModelRef>& models, const std::string& npz) {
  std::string first_base, first_model;
  for (const ModelRef& model : models) {
    const std::string base = inspect(model.path).base;
    if (base.empty()) continue;
    if (first_base.empty()) {
      first_base = base;
      first_model = model.name;
    } else if (base != first_base) {
      throw Error(ErrorCode::kUsage, "one npz holds one base; give --base, or --store instead of --out",
                  {.path = npz, .field = model.name, .expected = first_base + " as " + first_model, .found = base});
    }
  }
}

Json report_json(const EmbedResults& results, const EmbedReport& report) {
  Json stored = Json::array();
  for (const Summary& row : results.rows()) stored.push_back(summary_json(row));
  Json failed = Json::array();
  for (const EmbedFailure& failure : report.failed)
    failed.push_back({{"name", failure.name}, {"error", failure.error}});
  Json out = {{"stored", std::move(stored)}, {"failed", std::move(failed)}};
  if (!report.precision_reason.empty()) out["precision_reason"] = report.precision_reason;
  return out;
}

void print_report(const EmbedResults& results, const EmbedReport& report, const Console& console) {
  for (const EmbedFailure& failure : report.failed) console.failure(failure.name, failure.error);
  if (console.json) console.print_json(report_json(results, report));
  else if (console.quiet)
    for (const Summary& row : results.rows()) console.print_line(row.name);
  else if (!results.rows().empty()) console.print_table(summary_table(results.rows()));
}

int run_embed(EmbedVerb verb, const Console& console) {
  if (verb.targets.npz_file.empty() && verb.targets.store_file.empty()) verb.targets.store_file = kDefaultStore;

  verb.models.options.store_file = verb.targets.store_file.empty() ? kDefaultStore : verb.targets.store_file;
  verb.models.options.store_named = !verb.targets.store_file.empty();
  const std::vector<ModelRef> models = expand(verb.models, console);
  if (models.empty()) {
    const Shard& shard = verb.models.options.shard;
    const std::string part = std::to_string(shard.index) + "/" + std::to_string(shard.count);
    console.note("no models to embed" + (shard.count > 1 ? " in shard " + part : ""));
  }
  if (!verb.targets.npz_file.empty() && verb.options.base.empty())
    require_one_named_base(models, verb.targets.npz_file);

  EmbedResults results(verb.targets, models, console);
  EmbedReport report;
  if (!models.empty()) {
    ProgressBar progress(console);
    const auto keep = [&](store::Record record) { results.add(std::move(record)); };
    report = embed(models, verb.options, keep, progress);
  }
  results.finish();
  print_report(results, report, console);
  return exit_code(report.stored, report.failed.size());
}

void add_what(CLI::App& verb, EmbedVerb& v) {
  EmbedOptions& o = v.options;
  verb.add_option("--base", o.base, "HF directory, .gguf file or hub id; left out: the base each adapter names")
      ->type_name("BASE");
  verb.add_option("--representation", o.representation, "What is read")->type_name("NAME")->capture_default_str();
  verb.add_option("--layer", o.layer,
                  "last, all, N (after block N, 0 = embeddings), a fraction as 0.5, or L-pre; of an encoder-decoder: "
                  "the decoder's")
      ->type_name("LAYER")
      ->capture_default_str();
  verb.add_option("--position", o.position,
                  "Tokens to read: last, mean or weighted; of an encoder-decoder always the decoder's first")
      ->check(CLI::IsMember({"last", "mean", "weighted"}))
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_option("--probes", o.probes_file,
                  "Probe prompts: .json (a list of texts), .jsonl with {\"text\"} or .txt; left out: the paper's five")
      ->type_name("F");
}

void add_how(CLI::App& verb, EmbedVerb& v) {
  EmbedOptions& o = v.options;
  verb.add_option("--precision", o.precision, "Arithmetic; auto is delta where bfloat16 is fast, else fp32")
      ->check(CLI::IsMember({"auto", "delta", "fp32", "fp64"}))
      ->type_name("NAME")
      ->capture_default_str();
  verb.add_option("--device", o.device, "Where it runs: cpu, cuda or cuda:N; auto is the processor")
      ->type_name("NAME")
      ->capture_default_str();
  add_memory(verb, o.memory);
  add_threads(verb, o.threads);
  verb.add_flag("--strict", o.strict, "Refuse adapters with options that PEFT does not know; else they are ignored");
}

void add_targets(CLI::App& verb, EmbedVerb& v) {
  verb.add_option("--store", v.targets.store_file, "Store to add to; deltascape.db when --out is not given either")
      ->type_name("F.db");
  verb.add_option("--out", v.targets.npz_file, "Write the embeddings of this run as npz")->type_name("F.npz");
  verb.add_option("--name", v.models.options.name, "What the one MODEL is called in the store")->type_name("NAME");
  add_models(verb, v.models, "stores add up with `import`")->required();
}

}  // namespace

void add_embed(CLI::App& app, Session& session) {
  CLI::App* verb =
      add_verb(app, session, "embed", "Embed finetuned variants of a base",
               "deltascape embed --base SmolLM2-135M math=adapters/math-1 math=adapters/math-2 code=adapters/code-1\n"
               "  deltascape embed --base SmolLM2-135M --label-regex '([^/]+)-[0-9]+$' --out pool.npz adapters/*");
  const auto options = std::make_shared<EmbedVerb>();
  add_what(*verb, *options);
  add_how(*verb, *options);
  add_targets(*verb, *options);
  verb->callback(
      [&session, options] { session.run = [&session, options] { return run_embed(*options, session.console); }; });
}

}  // namespace deltascape::cli
