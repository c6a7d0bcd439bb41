// Owns what a study says on paper: tables as Markdown, CSV and JSON, plots and maps as SVG.
#pragma once

#include <string>
#include <vector>

#include "deltascape/study.h"
#include "report/study_page.h"

namespace deltascape::report {

// report.html, one file that shows its plots wherever it lies; report.md, which links to them; report.json, layers.csv,
// tasks.csv, plots/*.svg; one map a layer and space.
std::vector<Document> study_documents(const StudyReport& report);

// report.json's content: {configuration, spaces: [{position, layers, tasks}]}.
std::string study_json(const StudyReport& report);

}  // namespace deltascape::report
