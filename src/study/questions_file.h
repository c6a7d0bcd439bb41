// A study's questions as JSON.
#pragma once

#include "deltascape/study.h"
#include "io/json.h"

namespace deltascape::study {

// Sets options.questions; trainings start from options.training and options.few_shot. Throws Error naming file and key.
void read_questions(const io::JsonFields& fields, StudyOptions& options);
// The list `representations`; empty where there is none.
std::vector<std::string> representation_names(const io::JsonFields& fields);
nlohmann::ordered_json questions_json(const StudyQuestions& questions);

}  // namespace deltascape::study
