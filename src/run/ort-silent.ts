/** Keeps ONNX Runtime from telling its makers of what it runs: to be imported before it, and in a process's main thread, as it looks at the environment of
 *  the process, of which other threads have but copies. */
process.env.ORT_DISABLE_TELEMETRY = "1";
