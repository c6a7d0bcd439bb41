#include "adapter/fetch.h"
#include "core/hash.h"
#include "core/machine.h"
#include "exec/device.h"
#include "represent/probes.h"
#include "represent/reading.h"
#include "text/tokenizer.h"

namespace deltascape::represent {

Base::Base(const std::string& name, const EmbedOptions& options, Progress& progress)
    : options(options),
      progress(progress),
      name(name),
      model(model::Checkpoint::open(adapter::fetch_model(name, progress))),
      device(engine::parse_device(options.device)) {
  const auto reader = model->tokenizer();
  tokenizer = reader->identity();
  probes = options.probes_file.empty() ? default_probes() : read_probes(options.probes_file);
  ids = probe_ids(*reader, probes);
}

// On a device: beside the layers that stay there.
std::size_t Base::memory() const {
  if (!device.is_cpu()) return engine::free_bytes(device) / 3;
  return options.memory ? options.memory : available_memory() / 2;
}

store::Space Base::space(const std::string& representation, std::map<std::string, std::string> parameters) const {
  Hasher hasher;
  for (const std::string& text : probes) hasher.update(text);
  parameters["probes"] = hasher.hex();
  return {.representation = representation,
          .parameters = std::move(parameters),
          .base = model->identity(),
          .base_name = name,
          .tokenizer = tokenizer};
}

}  // namespace deltascape::represent
