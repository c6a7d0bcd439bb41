// Owns the names of the control examples inside the program (src/study/controls/, embedded by cmake/EmbedFiles.cmake).
#pragma once

#include <string_view>

namespace deltascape::embedded {

extern const std::string_view kAdvice_jsonl, kLanguage_jsonl, kQuestions_jsonl, kWriting_jsonl;

}  // namespace deltascape::embedded
