// Owns which tokenizer class transformers.AutoTokenizer (5.x, without mistral-common) takes for a folder.
#include <algorithm>
#include <array>
#include <string_view>

#include "deltascape/error.h"
#include "text/tokenizer_spec.h"

namespace deltascape::text {
namespace {

constexpr std::string_view kBackend = "TokenizersBackend";

// Model types transformers registers a class for. A type that is not here takes the class its files name.
struct Registered {
  std::string_view tokenizer_class;
  std::string_view model_types;  // separated and surrounded by spaces
};
constexpr std::array kRegistered = {
    Registered{kBackend,
               " aria beam bigbird_pegasus canary ernie4_5 ernie4_5_moe flex_olmo fuyu glm glm4 glm4_moe glm4_moe_lite "
               "glm4v glm4v_moe glm_image glmasr got_ocr2 gpt_bigcode granite granitemoe granitemoehybrid "
               "granitemoeshared hyperclovax hyperclovax_vlm internlm2 internlm3 iquestcoder jamba kimi_k25 "
               "kimi_linear llava llava_next mimo_v2_flash minicpm3 minicpmv minicpm_ocr minicpmv4_6 minicpmv4_7 "
               "minimax_m2 ministral ministral3 mistral mistral3 mistral_large4 mixtral modernbert modernbert-decoder "
               "molmo molmo2 nemotron nvfp4 olmo2 olmo3 olmo_hybrid opencua openvla paddleocr_vl persimmon phi3 phi3_v "
               "phimoe pixtral smolvlm stablelm step3_vl umt5 vipllava voxtral arctic chatlm h2ovl_chat "
               "xlm-roberta-xl "},
    Registered{"GPT2Tokenizer",
               " blip-2 codegen dbrx emu3 gpt2 gpt_neo gptj hyperclovax_vision_v2 instructblip instructblipvideo jais2 "
               "opt phi starcoder2 "},
    Registered{"Qwen2Tokenizer",
               " audioflamingo3 colqwen2 cosmos3_omni dots3_note fun_asr_nano hunyuan_vl internvl lighton_ocr "
               "moss_transcribe_diarize ovis2 qianfan_ocr qwen2 qwen2_5_omni qwen2_5_vl qwen2_audio qwen2_moe qwen2_vl "
               "qwen3 qwen3_asr qwen3_moe qwen3_next qwen3_omni_moe qwen3_vl qwen3_vl_moe vibevoice "},
    Registered{"Qwen3_5Tokenizer", " qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen4_exp "},
    Registered{"GemmaTokenizer",
               " diffusion_gemma gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma shieldgemma2 "
               "t5gemma zaya "},
    Registered{"GPTNeoXTokenizer", " falcon_mamba gpt_neox mamba mamba2 mpt olmo olmoe rwkv xlstm "},
    Registered{"LlamaTokenizer", " idefics idefics2 "},
    Registered{"MPNetTokenizer", " mpnet "},
    Registered{"CamembertTokenizer", " camembert "},
    Registered{"CohereTokenizer", " aya_vision cohere cohere2 "},
    Registered{"BertTokenizer",
               " align bark bert blip bros chinese_clip convbert distilbert electra ernie flava git layoutlm "
               "megatron-bert mobilebert nezha realm squeezebert "},
    Registered{"RobertaTokenizer", " bart data2vec-text ibert lilt longformer mra roberta roberta-prelayernorm "},
    Registered{"T5Tokenizer", " mt5 musicgen musicgen_melody switch_transformers t5 "},
    Registered{"XLMRobertaTokenizer", " gte jina_embeddings_v3 trocr xlm-roberta xmod "},
    Registered{"WhisperTokenizer", " whisper "},
};

// Types whose hub files name a wrong class: the registered one is taken whatever they say.
constexpr std::string_view kWrongInFiles =
    " arctic chatlm ernie4_5 ernie4_5_moe fuyu h2ovl_chat hyperclovax hyperclovax_vlm hyperclovax_vision_v2 internlm2 "
    "internlm3 iquestcoder jamba llava llava_next minicpm3 minicpmv minimax_m2 modernbert modernbert-decoder molmo "
    "molmo2 nemotron nvfp4 opencua openvla paddleocr_vl phi3 phi3_v phimoe qwen2 qwen3_5 qwen3_5_moe qwen3_5_moe_text "
    "qwen4_exp step3_vl vipllava cohere_asr camembertv2-base siglip2 smolvlm ";

constexpr std::string_view kMistralFamily =
    " ministral ministral3 mistral mistral3 mistral_large4 mixtral pixtral voxtral ";

// Classes that rebuild the tokenizer in ways this program does not have. Any other name is unknown to transformers
// too, which then takes tokenizer.json as it is.
constexpr std::string_view kOthers =
    " AlbertTokenizer BarthezTokenizer BartphoTokenizer BartTokenizer BertGenerationTokenizer "
    "BertJapaneseTokenizer BertweetTokenizer BigBirdTokenizer BioGptTokenizer BlenderbotTokenizer "
    "BlenderbotSmallTokenizer ByT5Tokenizer CanineTokenizer CLIPTokenizer ClvpTokenizer "
    "ConvBertTokenizer CpmTokenizer CpmAntTokenizer CTRLTokenizer "
    "DebertaTokenizer DebertaV2Tokenizer DiaTokenizer DPRReaderTokenizer "
    "DPRQuestionEncoderTokenizer DPRContextEncoderTokenizer ElectraTokenizer EsmTokenizer EsmcTokenizer "
    "FastSpeech2ConformerTokenizer FlaubertTokenizer FNetTokenizer FSMTTokenizer FunnelTokenizer "
    "GPTNeoXJapaneseTokenizer GPTSw3Tokenizer HerbertTokenizer LasrTokenizer LayoutLMv2Tokenizer LayoutLMv3Tokenizer "
    "LayoutXLMTokenizer LEDTokenizer LongformerTokenizer LukeTokenizer LxmertTokenizer M2M100Tokenizer MarianTokenizer "
    "MarkupLMTokenizer MBartTokenizer MBart50Tokenizer MgpstrTokenizer MistralCommonBackend MLukeTokenizer "
    "MvpTokenizer MyT5Tokenizer NllbTokenizer NougatTokenizer OpenAIGPTTokenizer "
    "PegasusTokenizer PerceiverTokenizer PhobertTokenizer PLBartTokenizer Pop2PianoTokenizer ProphetNetTokenizer "
    "RagTokenizer ReformerTokenizer RemBertTokenizer RoCBertTokenizer RoFormerTokenizer "
    "SeamlessM4TTokenizer SiglipTokenizer Siglip2Tokenizer Speech2TextTokenizer SpeechT5Tokenizer SplinterTokenizer "
    "TapasTokenizer Tipsv2Tokenizer UdopTokenizer VideoPrismTokenizer VitsTokenizer "
    "Wav2Vec2CTCTokenizer Wav2Vec2PhonemeCTCTokenizer WhisperTokenizer XGLMTokenizer XLMTokenizer "
    "XLNetTokenizer ";

// Other names for classes that are there.
constexpr std::string_view kNamesOfBert = " ElectraTokenizer LxmertTokenizer MobileBertTokenizer SqueezeBertTokenizer ";
constexpr std::string_view kNamesOfRoberta = " BartTokenizer LEDTokenizer LongformerTokenizer MvpTokenizer ";

bool lists(std::string_view list, std::string_view name) {
  return !name.empty() && list.find(' ' + std::string(name) + ' ') != std::string_view::npos;
}

std::string without_fast(std::string_view name) {
  if (name.ends_with("Fast")) name.remove_suffix(4);
  return std::string(name);
}

std::string_view registered_class(std::string_view model_type) {
  const auto place = std::find_if(kRegistered.begin(), kRegistered.end(),
                                  [&](const Registered& entry) { return lists(entry.model_types, model_type); });
  return place == kRegistered.end() ? std::string_view() : place->tokenizer_class;
}

bool is_ours(std::string_view name) {
  return lists(
      " LlamaTokenizer GemmaTokenizer Qwen2Tokenizer Qwen3_5Tokenizer GPT2Tokenizer CodeGenTokenizer "
      "GPTNeoXTokenizer CohereTokenizer T5Tokenizer XLMRobertaTokenizer RobertaTokenizer BertTokenizer "
      "DistilBertTokenizer CodeLlamaTokenizer MPNetTokenizer CamembertTokenizer ",
      name);
}

// A class by name as transformers finds it; what it does not know, and its base classes, is the backend alone.
std::string resolve(std::string_view name) {
  const std::string plain = without_fast(name);
  if (lists(kNamesOfRoberta, plain)) return "RobertaTokenizer";
  if (lists(kNamesOfBert, plain)) return "BertTokenizer";
  return is_ours(plain) || lists(kOthers, plain) ? plain : std::string(kBackend);
}

}  // namespace

std::string auto_tokenizer_class(const ClassQuestion& question) {
  const std::string named = without_fast(question.tokenizer_class);
  const std::string_view registered = registered_class(question.model_type);
  const bool wrong_in_files = lists(kWrongInFiles, question.model_type);
  if (!question.has_auto_map && !named.empty()) {
    // Llama-3 style folders that call themselves LlamaTokenizer.
    if (named == "LlamaTokenizer" && question.has_byte_level && !wrong_in_files &&
        !lists(kMistralFamily, question.model_type)) {
      return std::string(kBackend);
    }
    if (!registered.empty() && registered != named) {
      if (registered == kBackend) return std::string(kBackend);
      return wrong_in_files ? std::string(registered) : resolve(named);
    }
  }
  if (!named.empty()) {
    if (question.has_auto_map && !wrong_in_files && !is_ours(named) && !lists(kOthers, named) &&
        !lists(" PreTrainedTokenizer TokenizersBackend BloomTokenizer ", named)) {
      throw Error(ErrorCode::kUnsupported,
                  "the tokenizer class " + named + " is code of the repository, which is not run");
    }
    return resolve(named);
  }
  return registered.empty() ? std::string(kBackend) : std::string(registered);
}

}  // namespace deltascape::text
