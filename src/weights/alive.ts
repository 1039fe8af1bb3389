/** Whether a process runs. */

/** Whether there is a process with this id; one that may not be signalled is there. */
export function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
