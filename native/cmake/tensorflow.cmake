# The TensorFlow ops, compiled against the TensorFlow of the environment.
execute_process(
  COMMAND ${Python_EXECUTABLE} -c
          "import importlib.util as u; s = u.find_spec('tensorflow'); print(s.submodule_search_locations[0] if s else '')"
  OUTPUT_VARIABLE TENSORFLOW_DIR OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT TENSORFLOW_DIR)
  message(STATUS "wideload: no TensorFlow in ${Python_EXECUTABLE}; its ops are built when a TensorFlow is there")
  return()
endif()
execute_process(
  COMMAND ${Python_EXECUTABLE} -c
          "import importlib.metadata as m; print(next(d.version for n in ('tensorflow', 'tensorflow-cpu') for d in m.distributions(name=n)))"
  OUTPUT_VARIABLE TENSORFLOW_VERSION OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
file(GLOB WIDELOAD_OPS_SOURCES CONFIGURE_DEPENDS tf_ops/*.cpp)
add_library(wideload_ops SHARED ${WIDELOAD_OPS_SOURCES})
# System headers: TensorFlow's own do not pass our warnings.
target_include_directories(wideload_ops SYSTEM PRIVATE ${TENSORFLOW_DIR}/include)
target_compile_definitions(wideload_ops PRIVATE _GLIBCXX_USE_CXX11_ABI=1 NDEBUG)
target_link_libraries(wideload_ops PRIVATE wideload_core
  ${TENSORFLOW_DIR}/libtensorflow_framework.so.2 ${TENSORFLOW_DIR}/libtensorflow_cc.so.2)
# The name says which TensorFlow it fits (wideload/ops_library.py).
set_target_properties(wideload_ops PROPERTIES
  OUTPUT_NAME wideload_ops-${TENSORFLOW_VERSION} INSTALL_RPATH "$ORIGIN;$ORIGIN/../tensorflow")
install(TARGETS wideload_ops LIBRARY DESTINATION wideload)
