#include "study/trainer.h"

#include "study/few_shot.h"

namespace deltascape::study {

namespace fs = std::filesystem;

Trainer::Trainer(const StudyOptions& options, std::size_t planned, StudyReport& counts, Progress& progress)
    : options_(options), planned_(planned), counts_(counts), progress_(progress) {}

Trained Trainer::operator()(const TrainOptions& settings, const Lesson& lesson) {
  const fs::path folder = fs::path(options_.adapters) / lesson.folder;
  fs::create_directories(folder);
  TrainOptions training = settings;
  training.base = options_.base;
  training.data = lesson.file;
  training.out = (folder / lesson.name).string();
  training.threads = options_.threads;
  training.memory = options_.memory;
  training.max_examples = 0;
  if (lesson.seed) training.seed = *lesson.seed;
  const std::string place = place_of(counts_.trained + counts_.kept, planned_);
  Trained out{.model = {.path = training.out, .label = lesson.label, .name = lesson.name}, .report = {}};
  out.report = train_once(training, lesson.name + place, progress_);
  ++(out.report ? counts_.trained : counts_.kept);
  return out;
}

}  // namespace deltascape::study
