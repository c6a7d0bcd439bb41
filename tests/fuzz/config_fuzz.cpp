// Fuzzes config.json of a model, and what follows from its numbers.
#include "harness.h"
#include "io/json.h"
#include "model/spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascape;
  const std::filesystem::path path = "config.json";
  return fuzz::run([&] {
    const model::ModelSpec spec = model::spec_from_config(io::parse_json(fuzz::text_of(data, size), path), path);
    spec.fingerprint();
    spec.linears(0);
    for (const model::Site site : spec.sites()) {
      if (spec.site_of(spec.hf_name(site)) != site) std::abort();
      if (site.layer > 1) break;
    }
  });
}
