// What a study's questions found (deltascape/study.h, StudyTable), on paper.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "deltascape/study.h"
#include "report/study_page.h"

namespace deltascape::report {

// A cell as text; `real` writes its numbers. Empty where there is nothing to say.
std::string text_of(const StudyTable::Cell& cell, const std::function<std::string(double)>& real);

PageSection question_section(const StudyTable& table);
std::string csv_of(const StudyTable& table);
// Its rows as objects of the columns' names.
nlohmann::ordered_json json_of(const StudyTable& table);
// Its plot, "plots/NAME.svg"; nothing where no column is drawn or the first holds words.
std::optional<Document> plot_of(const StudyTable& table);

}  // namespace deltascape::report
