# concord::plugin_sdk: what a plugin is compiled with. Hidden visibility, no unique symbols and a version script keep the
# statics of two plugins in one process apart: header-only code would otherwise share them even under RTLD_LOCAL.
add_library(concord_plugin_sdk INTERFACE)
add_library(concord::plugin_sdk ALIAS concord_plugin_sdk)
set_target_properties(concord_plugin_sdk PROPERTIES EXPORT_NAME plugin_sdk)
target_compile_features(concord_plugin_sdk INTERFACE cxx_std_17)
target_include_directories(concord_plugin_sdk INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/runtime/include>
  $<BUILD_INTERFACE:${CONCORD_GENERATED_DIR}/include> $<INSTALL_INTERFACE:include>)
target_compile_options(concord_plugin_sdk INTERFACE
  -fvisibility=hidden $<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>
  $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
target_link_options(concord_plugin_sdk INTERFACE
  $<BUILD_INTERFACE:-Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/concord_plugin.map>
  $<INSTALL_INTERFACE:-Wl,--version-script=$<INSTALL_PREFIX>/${CMAKE_INSTALL_LIBDIR}/cmake/concord/concord_plugin.map>)
