// Owns `deltascape convert`: a LoRA adapter from PEFT's layout to GGUF, or back.
#include "deltascape/convert.h"

#include "cli/common_options.h"
#include "cli/progress_bar.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "deltascape/models.h"

namespace deltascape::cli {
namespace {

struct ConvertVerb {
  ConvertOptions options;
  std::string store_file = kDefaultStore;
  CLI::Option* store = nullptr;
};

int run_convert(const ConvertOptions& options, const Console& console, Progress& progress) {
  const Converted done = convert(options, progress);
  if (console.json)
    console.print_json({{"out", options.out},
                        {"form", done.form},
                        {"pairs", done.pairs},
                        {"rank", done.rank},
                        {"dtype", done.dtype},
                        {"folded", done.folded}});
  else if (console.quiet) console.print_line(options.out);
  else
    console.print_line("wrote " + options.out + ": " + std::to_string(done.pairs) + " pairs of rank " +
                       std::to_string(done.rank) + " in " + done.dtype +
                       (done.folded ? ", their scales folded into B" : ""));
  return 0;
}

}  // namespace

void add_convert(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "convert", "A LoRA adapter from PEFT's layout to GGUF, or back",
                            "deltascape convert adapters/gsm8k --base SmolLM2-135M --out gsm8k.gguf\n"
                            "  deltascape convert gsm8k.gguf --base SmolLM2-135M --out adapters/gsm8k-again");
  const auto given = std::make_shared<ConvertVerb>();
  ConvertOptions* const options = &given->options;
  given->store = add_store_at_hand(*verb, given->store_file);
  verb->add_option("ADAPTER", options->in, "Directory, .gguf file, name in the store or hub id")
      ->required()
      ->type_name("");
  verb->add_option("--out", options->out, "The .gguf file, or a directory that is not there yet")
      ->required()
      ->type_name("OUT");
  verb->add_option("--to", options->to, "peft or gguf; default: the opposite of the adapter's format")
      ->check(CLI::IsMember({"peft", "gguf"}))
      ->type_name("FORM");
  verb->add_option("--base", options->base,
                   "HF directory, .gguf file or hub id that defines tensor names and row order; left out: the base the "
                   "adapter names")
      ->type_name("BASE");
  verb->add_option("--dtype", options->dtype,
                   "F32, F16 or BF16; left out: the adapter's own, F32 where it is quantised or a scale goes into B")
      ->transform(CLI::IsMember({"F32", "F16", "BF16"}, CLI::ignore_case))
      ->type_name("TYPE");
  verb->callback([&session, given] {
    session.run = [&session, given] {
      store::StoreAtHand store(given->store_file, given->store->count() > 0);
      ConvertOptions options = given->options;
      options.in = store::model_path(options.in, store);
      ProgressBar progress(session.console);
      return run_convert(options, session.console, progress);
    };
  });
}

}  // namespace deltascape::cli
