# The TensorFlow ops, compiled against the TensorFlow of the environment.
execute_process(
  COMMAND ${Python_EXECUTABLE} -c
          "import importlib.util as u; s = u.find_spec('tensorflow'); print(s.submodule_search_locations[0] if s else '')"
  OUTPUT_VARIABLE TENSORFLOW_DIR OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT TENSORFLOW_DIR)
  message(WARNING "wideload: no TensorFlow in ${Python_EXECUTABLE}; building the sparse table without TensorFlow ops")
  return()
endif()
file(GLOB WIDELOAD_OPS_SOURCES CONFIGURE_DEPENDS tf_ops/*.cpp)
add_library(wideload_ops SHARED ${WIDELOAD_OPS_SOURCES})
# System headers: TensorFlow's own do not pass our warnings.
target_include_directories(wideload_ops SYSTEM PRIVATE ${TENSORFLOW_DIR}/include)
target_compile_definitions(wideload_ops PRIVATE _GLIBCXX_USE_CXX11_ABI=1 NDEBUG)
target_link_libraries(wideload_ops PRIVATE wideload_core
  ${TENSORFLOW_DIR}/libtensorflow_framework.so.2 ${TENSORFLOW_DIR}/libtensorflow_cc.so.2)
set_target_properties(wideload_ops PROPERTIES INSTALL_RPATH "$ORIGIN;$ORIGIN/../tensorflow")
install(TARGETS wideload_ops LIBRARY DESTINATION wideload)
