#include "train/run_folder.h"

#include <algorithm>
#include <cstring>

#include "adapter/tensor_list.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "io/safetensors_write.h"

namespace deltascape::training {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRun = "run";  // a text of bytes: step, settings and log as JSON

io::DType dtype_of(const at::Tensor& t) { return t.scalar_type() == at::kDouble ? io::DType::kF64 : io::DType::kF32; }

// With what to do about it.
[[noreturn]] void broken(const fs::path& file, const std::string& field, const std::string& what) {
  throw Error(ErrorCode::kBadFile, what + ": not the state of a run; " + option("restart") + " starts over",
              {.path = file.string(), .field = field});
}

void require_equal(const io::Json& now, const io::Json& then, const fs::path& folder) {
  for (const auto& [key, value] : now.items()) {
    const auto before = then.find(key);
    if (before != then.end() && *before == value) continue;
    std::string name = key.starts_with("--") ? option(key.substr(2)) : key;
    std::ranges::replace(name, '-', '_');
    throw Error(ErrorCode::kUsage,
                "an unfinished run with other settings lies here: " + option("restart") + " begins anew",
                {.path = folder.string(),
                 .field = name,
                 .expected = before == then.end() ? "nothing" : before->dump(),
                 .found = value.dump()});
  }
}

}  // namespace

RunFolder::RunFolder(const fs::path& out) : out_(out.has_filename() ? out : out.parent_path()), folder_(out_) {
  const auto require_free = [&] {
    if (io::exists(out_))
      throw Error(ErrorCode::kUsage, "already exists; existing folders are not overwritten",
                  {.path = out_.string(), .field = option("out")});
  };
  require_free();
  folder_ += ".training";
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw Error(ErrorCode::kIo, "cannot create a folder here: " + error.message(), {.path = folder_.string()});
  lock_.emplace(folder_ / "lock", [&] {
    throw Error(ErrorCode::kUsage, "another process trains into this folder",
                {.path = out_.string(), .field = option("out")});
  });
  require_free();  // that process may just have finished
}

RunFolder::~RunFolder() {
  std::error_code ignored;
  if (!fs::exists(file(), ignored)) fs::remove_all(folder_, ignored);
}

void RunFolder::forget() {
  std::error_code error;
  fs::remove(file(), error);
  if (error) throw Error(ErrorCode::kIo, "cannot remove: " + error.message(), {.path = file().string()});
}

bool RunFolder::resume(const io::Json& settings, State& state) const {
  if (!io::exists(file())) return false;
  const auto stored = io::open_safetensors(file());
  const io::TensorInfo* run = stored->find(kRun);
  if (run == nullptr || run->dtype != io::DType::kU8) broken(file(), kRun, "a missing entry");
  const auto text = stored->bytes(*run);
  const io::Json json = io::parse_json({reinterpret_cast<const char*>(text.data()), text.size()}, file());
  const io::JsonFields fields(json, file());
  const auto then = fields.object("settings");
  const auto log = fields.string("log");
  state.step = fields.required_integer("step");
  if (!then || !log || state.step < 0) broken(file(), kRun, "an incomplete entry");
  require_equal(settings, then->json(), folder_);
  state.log = *log;
  for (const auto& [name, tensor] : state.tensors) {
    const io::TensorInfo* t = stored->find(name);
    if (t == nullptr || t->dtype != dtype_of(tensor) || t->shape != tensor.sizes().vec())
      broken(file(), name, "a missing or misshapen tensor");
    std::memcpy(tensor.data_ptr(), stored->bytes(*t).data(), tensor.nbytes());
  }
  return true;
}

void RunFolder::save(const io::Json& settings, const State& state) const {
  const std::string run = io::Json{{"step", state.step}, {"settings", settings}, {"log", state.log}}.dump();
  std::vector<io::TensorToWrite> out;
  for (const auto& [name, tensor] : state.tensors)
    out.push_back({name, dtype_of(tensor), tensor.sizes().vec(), adapter::bytes_of(tensor)});
  out.push_back({kRun, io::DType::kU8, {static_cast<std::int64_t>(run.size())}, std::as_bytes(std::span(run))});
  io::write_safetensors(file(), std::move(out));
}

void RunFolder::finish(const std::string& log, const Method& method) {
  const fs::path result = folder_ / "result";
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_))  // of a process that was killed here
    if (entry.path().filename().string().starts_with("result")) fs::remove_all(entry.path(), error);
  method.write(result);
  io::write_file_atomically(result / "train_log.jsonl", log);
  fs::rename(result, out_, error);
  if (error)
    throw Error(ErrorCode::kIo, "cannot put the new folder in place: " + error.message(), {.path = out_.string()});
  io::sync_folder(out_.parent_path());
  // From here on the run is done, whatever becomes of what it worked with.
  fs::remove_all(folder_, error);
}

}  // namespace deltascape::training
