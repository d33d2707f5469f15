import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs main methods of Apache Kafka's tools one after the other in this process, since a process of its own costs each of them seconds.
 * In: number of texts, then each as length and UTF-8: the main class and its arguments. Out: exit code, what it printed, what it complained about.
 */
public class PeerToolbox {
  /** Where System.out and System.err go now; tools keep the streams that they have once got. */
  private static final class Page extends OutputStream {
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    @Override
    public synchronized void write(int b) {
      bytes.write(b);
    }

    @Override
    public synchronized void write(byte[] from, int offset, int length) {
      bytes.write(from, offset, length);
    }

    synchronized byte[] take() {
      byte[] taken = bytes.toByteArray();
      bytes.reset();
      return taken;
    }
  }

  /** Some tools close it when they are done; the next one needs it again. */
  private static PrintStream open(Page page) {
    return new PrintStream(page, true, StandardCharsets.UTF_8) {
      @Override
      public void close() {
        flush();
      }
    };
  }

  /** Thrown in the place of the process's end. Some tools catch everything and say what it was: this says nothing, and the first code counts. */
  private static final class Ended extends RuntimeException {
    Ended() {
      super("", null, false, false);
    }

    @Override
    public void printStackTrace(PrintStream to) {}

    @Override
    public void printStackTrace(PrintWriter to) {}

    @Override
    public String toString() {
      return "";
    }
  }

  private static volatile Integer exitCode;

  private static void ended(int code) {
    if (exitCode == null) exitCode = code;
    throw new Ended();
  }

  public static void main(String[] ignored) throws Exception {
    DataInputStream in = new DataInputStream(System.in);
    DataOutputStream answers = new DataOutputStream(System.out);
    Page out = new Page();
    Page err = new Page();
    System.setOut(open(out));
    System.setErr(open(err));
    Exit.setExitProcedure((code, message) -> ended(code));
    Exit.setHaltProcedure((code, message) -> ended(code));
    while (true) {
      int texts;
      try {
        texts = in.readInt();
      } catch (EOFException end) {
        System.exit(0);
        return;
      }
      String main = read(in);
      String[] args = new String[texts - 1];
      for (int i = 0; i < args.length; i++) args[i] = read(in);
      int code = run(main, args);
      System.out.flush();
      System.err.flush();
      answers.writeInt(code);
      write(answers, out.take());
      write(answers, err.take());
      answers.flush();
    }
  }

  private static int run(String main, String[] args) {
    exitCode = null;
    try {
      Class.forName(main).getMethod("main", String[].class).invoke(null, (Object) args);
      return exitCode == null ? 0 : exitCode;
    } catch (InvocationTargetException thrown) {
      if (exitCode != null) return exitCode;
      thrown.getCause().printStackTrace();
      return 1;
    } catch (ReflectiveOperationException noTool) {
      noTool.printStackTrace();
      return 127;
    }
  }

  private static String read(DataInputStream in) throws IOException {
    byte[] bytes = new byte[in.readInt()];
    in.readFully(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private static void write(DataOutputStream out, byte[] bytes) throws IOException {
    out.writeInt(bytes.length);
    out.write(bytes);
  }
}
