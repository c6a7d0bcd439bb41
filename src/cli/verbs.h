// Owns the list of verbs and what each gets: its place in the command line and the session's console.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "cli/console.h"

namespace deltascape::cli {

struct Session {
  Console console;
  std::function<int()> run;  // set by the verb that was typed; returns the exit code
};

// Adds a subcommand with --json, -q and a worked example in its help.
CLI::App* add_verb(CLI::App& app, Session& session, const std::string& name, const std::string& summary,
                   const std::string& example);

// One function a verb, each in its own file. The options live as long as the app.
void add_embed(CLI::App& app, Session& session);
void add_convert(CLI::App& app, Session& session);
void add_train(CLI::App& app, Session& session);
void add_eval(CLI::App& app, Session& session);
void add_tokenize(CLI::App& app, Session& session);
void add_inspect(CLI::App& app, Session& session);
void add_ls(CLI::App& app, Session& session);
void add_spaces(CLI::App& app, Session& session);
void add_show(CLI::App& app, Session& session);
void add_rm(CLI::App& app, Session& session);
void add_label(CLI::App& app, Session& session);
void add_export(CLI::App& app, Session& session);
void add_import(CLI::App& app, Session& session);
void add_near(CLI::App& app, Session& session);
void add_cluster(CLI::App& app, Session& session);
void add_compare(CLI::App& app, Session& session);
void add_add(CLI::App& app, Session& session);
void add_decompose(CLI::App& app, Session& session);
void add_map(CLI::App& app, Session& session);
void add_task(CLI::App& app, Session& session);
void add_relative(CLI::App& app, Session& session);
void add_study(CLI::App& app, Session& session);
void add_bench(CLI::App& app, Session& session);
void add_help(CLI::App& app, Session& session);

}  // namespace deltascape::cli
