// Owns what a study says on paper: tables as Markdown, CSV and JSON, plots and maps as SVG.
#pragma once

#include <string>
#include <vector>

#include "deltascape/study.h"

namespace deltascape::report {

struct Document {
  std::string name;  // below the study's folder, as "plots/silhouette.svg"
  std::string content;
};

// report.md, report.json, layers.csv, tasks.csv, plots/*.svg; one map a layer and space.
std::vector<Document> study_documents(const StudyReport& report);

// report.json's content: {configuration, spaces: [{position, layers, tasks}]}.
std::string study_json(const StudyReport& report);

}  // namespace deltascape::report
