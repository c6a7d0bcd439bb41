// What a study says on paper (docs/tasks.md): tables as Markdown, CSV and JSON, plots and maps as SVG.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "deltascape/study.h"

namespace deltascape::report {

struct Document {
  std::string name;  // below the study's folder, as "plots/silhouette.svg"
  std::string content;
};

// report.html, one file that shows its plots wherever it lies; report.md, which links to them; report.json, layers.csv,
// tasks.csv, representations.csv, a NAME.csv each table of a question; plots/*.svg; one map a layer and space.
std::vector<Document> study_documents(const StudyReport& report);
// Writes them below the folder. Returns their names.
std::vector<std::string> write_study(const StudyReport& report, const std::filesystem::path& folder);

// report.json's content: {configuration, trained, kept, representations, tables: {NAME: rows}, spaces: [{position,
// layers, tasks}]}.
std::string study_json(const StudyReport& report);

}  // namespace deltascape::report
