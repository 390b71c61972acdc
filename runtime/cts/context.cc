#include "runtime/cts/context.h"

#include <utility>

#include "runtime/hal/linked_plugin.h"

namespace concord::cts {

void Complaints::Add(absl::string_view text) {
  std::lock_guard<std::mutex> lock(mutex_);
  absl::StrAppend(&text_, text_.empty() ? "" : "\n", text);
}

std::string Complaints::Take() {
  std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(text_, "");
}

absl::StatusOr<std::unique_ptr<Context>> Context::Open(const hal::DeviceRegistry::Entry& entry) {
  auto context = std::unique_ptr<Context>(new Context);
  context->instance_ = entry.instance;
  context->index_ = entry.index;
  CONCORD_ASSIGN_OR_RETURN(context->device_, context->OpenDevice());
  return context;
}

absl::StatusOr<std::shared_ptr<hal::Device>> Context::OpenDevice() const { return instance_->OpenDevice(index_); }

absl::StatusOr<std::shared_ptr<hal::Device>> Context::Reference() {
  if (reference_ != nullptr) return reference_;
  for (const hal::LinkedPlugin& linked : hal::LinkedPlugins()) {
    if (absl::string_view(linked.name) != "reference") continue;
    CONCORD_ASSIGN_OR_RETURN(std::shared_ptr<hal::Plugin> plugin, hal::Plugin::FromLinked(linked));
    CONCORD_ASSIGN_OR_RETURN(const std::shared_ptr<hal::Instance> instance,
                             hal::Instance::Create(std::move(plugin), hal::HostServices::Create()));
    CONCORD_ASSIGN_OR_RETURN(reference_, instance->OpenDevice(0));
    return reference_;
  }
  return absl::InternalError("this program was built without the reference backend; build it with backends/reference");
}

absl::StatusOr<Context::Fresh> Context::OpenFresh() const {
  Fresh fresh;
  fresh.complaints = std::make_shared<Complaints>();
  fresh.index = index_;
  hal::HostServices::Options options;
  options.threads = instance_->host().arena().worker_count();
  options.log = [complaints = fresh.complaints](LogLevel level, absl::string_view message) {
    if (level >= LogLevel::kError) complaints->Add(message);
  };
  fresh.host = hal::HostServices::Create(std::move(options));
  CONCORD_ASSIGN_OR_RETURN(fresh.instance, hal::Instance::Create(instance_->plugin_ptr(), fresh.host));
  return fresh;
}

}  // namespace concord::cts
