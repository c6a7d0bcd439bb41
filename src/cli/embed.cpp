// Owns `deltascape embed`: the main job.
#include "deltascape/embed.h"

#include "cli/common_options.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "deltascape/embed_results.h"

namespace deltascape::cli {
namespace {

struct EmbedVerb {
  EmbedOptions options;
  EmbedTargets targets;
  ModelArguments models;
};

std::vector<Summary> summaries(const std::vector<store::Record>& rows) {
  std::vector<Summary> out;
  for (const store::Record& row : rows) out.push_back(summarise(row));
  return out;
}

Json report_json(const std::vector<Summary>& rows, const EmbedReport& report) {
  Json stored = Json::array();
  for (const Summary& row : rows) stored.push_back(summary_json(row));
  Json failed = Json::array();
  for (const EmbedFailure& failure : report.failed)
    failed.push_back({{"name", failure.name}, {"error", failure.error}});
  Json out = {{"stored", std::move(stored)}, {"failed", std::move(failed)}};
  if (!report.precision_reason.empty()) out["precision_reason"] = report.precision_reason;
  return out;
}

void print_report(const std::vector<Summary>& rows, const EmbedReport& report, const Console& console) {
  for (const EmbedFailure& failure : report.failed) console.failure(failure.name, failure.error);
  if (console.json) console.print_json(report_json(rows, report));
  else if (console.quiet)
    for (const Summary& row : rows) console.print_line(row.name);
  else if (!rows.empty()) console.print_table(summary_table(rows));
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
  EmbeddedInto done;
  {
    ProgressBar progress(console);
    done = embed_into(verb.targets, models, verb.options, progress);
  }
  print_report(summaries(done.rows), done.report, console);
  return exit_code(done.report.stored, done.report.failed.size());
}

// "What is measured: activations, the …; salient,fraction=0.01, the …"
std::string representations_help() {
  std::string out = "What is measured";
  for (const RepresentationInfo& r : representations()) {
    out += (out.find(':') == std::string::npos ? ": " : "; ") + r.name;
    for (const auto& p : r.parameters) out.append(",").append(p.name).append("=").append(p.fallback);
    out += " (" + r.about + ")";
  }
  return out;
}

void add_what(CLI::App& verb, EmbedVerb& v) {
  EmbedOptions& o = v.options;
  verb.add_option("--base", o.base, "HF directory, .gguf file or hub id; left out: the base each adapter names")
      ->type_name("BASE");
  verb.add_option("--representation", o.representation, representations_help())
      ->type_name("NAME")
      ->capture_default_str();
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
  verb.add_option("--continuations", o.continuations_file,
                  "Of meaning: JSONL with {\"probe\", \"text\"}; sampled from the base where it is not there, and kept "
                  "in the cache where it is left out")
      ->type_name("F.jsonl");
  verb.add_option("--encoder", o.encoder, "Of outputs: sentence encoder, a HF directory or hub id")
      ->type_name("MODEL")
      ->capture_default_str();
  verb.add_option("--save-outputs", o.outputs_file, "Of outputs: write the answers as JSONL")->type_name("F.jsonl");
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
  add_models(verb, v.models, "combine the stores with `import`")->required();
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
