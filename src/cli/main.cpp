// Owns the program: the verbs, one parse, one run, and the only place where errors become exit codes.
#include <algorithm>
#include <exception>
#include <iostream>
#include <new>

#include "cli/help.h"
#include "cli/options.h"
#include "cli/signals.h"
#include "cli/verbs.h"

namespace deltascape::cli {

CLI::App* add_verb(CLI::App& app, Session& session, const std::string& name, const std::string& summary,
                   const std::string& example) {
  CLI::App* verb = app.add_subcommand(name, summary);
  verb->add_flag("--json", session.console.json, "Print one JSON document on stdout");
  verb->add_flag("-q,--quiet", session.console.quiet, "Print ids only");
  verb->footer("Example:\n  " + example);
  return verb;
}

namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  deltascape embed --base SmolLM2-135M math=adapters/math-1 code=adapters/code-1\n"
    "  deltascape near math-1\n"
    "  deltascape cluster\n"
    "  deltascape map --out map.html\n"
    "\n"
    "MODEL is a directory, a file, a hub id (org/name[@revision]), label=MODEL, or @list.txt.\n"
    "Exit codes: 0 all done; 1 failed, or no variant succeeded; 2 usage; 3 some variants failed.\n"
    "`deltascape VERB --help` shows a verb's options and an example.";

void build(CLI::App& app, Session& session) {
  app.set_version_flag("--version", std::string("deltascape ") + DELTASCAPE_VERSION, "Print the version");
  app.set_help_flag("-h,--help", "Print help");
  app.add_flag("--json", session.console.json, "Print one JSON document on stdout");
  app.add_flag("-q,--quiet", session.console.quiet, "Print ids only");
  app.require_subcommand(1);
  app.footer(kExamples);
  for (const auto add :
       {add_embed, add_tokenize, add_inspect, add_convert,  add_ls,      add_spaces,  add_show,  add_rm,
        add_label, add_export,   add_import,  add_near,     add_cluster, add_compare, add_add,   add_decompose,
        add_map,   add_train,    add_task,    add_relative, add_eval,    add_study,   add_bench, add_help})
    add(app, session);
  for (CLI::App* verb : app.get_subcommands([](CLI::App*) { return true; }))
    for (CLI::Option* option : verb->get_options())
      if (option->get_items_expected_max() > 0) option->transform(unshield);
}

// CLI11 counts --help and --version as errors too; its messages may span lines.
int explain(const CLI::App& app, const CLI::ParseError& e, const Console& console) {
  if (e.get_exit_code() == 0) return app.exit(e, std::cout, std::cerr);
  const auto typed = app.get_subcommands();
  if (const auto unknown = app.remaining(); typed.empty() && !unknown.empty()) {
    console.failure(unknown_verb(app, unshield(unknown.front())));
    return kExitUsage;
  }
  const std::string verb = typed.empty() ? "" : typed.front()->get_name() + " ";
  console.failure(std::string(e.what()) + " (see deltascape " + verb + "--help)");
  return kExitUsage;
}

// One line on stderr; with --json also one document on stdout, so that a script always has something to parse.
int fail(const Console& console, const std::string& message, int code) {
  console.failure(message);
  if (console.json) console.print_json({{"error", message}});
  return code;
}

int run(int argc, const char* const* argv) {
  Session session;
  try {
    CLI::App app("Embeds finetuned models by what they do: vectors, neighbours, clusters and a map.", "deltascape");
    build(app, session);
    std::vector<std::string> arguments = shield(argc, argv);
    if (!arguments.empty()) arguments.erase(arguments.begin());
    if (arguments.empty()) arguments.emplace_back("help");  // somebody who looks what there is
    std::reverse(arguments.begin(), arguments.end());       // the order CLI11 takes a vector in
    try {
      app.parse(std::move(arguments));
    } catch (const CLI::ParseError& e) {
      return explain(app, e, session.console);
    }
    const int code = session.run();
    flush_stdout();
    return code;
  } catch (const Error& e) {
    return fail(session.console, e.what(), exit_code(e));
  } catch (const std::bad_alloc&) {
    return fail(session.console, "out of memory; a smaller --memory or fewer models may fit", kExitFailed);
  } catch (const std::exception& e) {
    return fail(session.console, std::string("unexpected: ") + e.what(), kExitFailed);
  }
}

}  // namespace
}  // namespace deltascape::cli

int main(int argc, char** argv) {
  deltascape::cli::install_signal_handlers();
  return deltascape::cli::run(argc, argv);
}
