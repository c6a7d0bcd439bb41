// Fuzzes adapter_config.json, and what it says of modules.
#include "adapter/keys.h"
#include "adapter/peft_config.h"
#include "harness.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascape;
  fuzz::folder().put("adapter_config.json", fuzz::text_of(data, size));
  return fuzz::run([&] {
    const adapter::PeftConfig config = adapter::read_peft_config(fuzz::folder().path());
    for (const char* module :
         {"model.layers.0.self_attn.q_proj", "model.layers.11.mlp.down_proj", "model.embed_tokens"}) {
      if (config.rank > 0 && config.rank_of(module) < 1) std::abort();
      config.scale_of(module);
      config.tokens_of(module);
      adapter::parse_key("base_model.model." + std::string(module) + ".lora_A.weight");
    }
    config.computation();
    adapter::parse_key(fuzz::text_of(data, size));
  });
}
