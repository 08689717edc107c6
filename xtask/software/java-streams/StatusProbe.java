import java.net.HttpURLConnection;
import java.net.URL;
import java.util.ArrayList;
import java.util.List;

/** Asks for the status of a page now and then, and never closes the stream of the answer. */
public class StatusProbe {
    public static void main(String[] arguments) throws Exception {
        List<HttpURLConnection> history = new ArrayList<>();
        while (true) {
            var probe = (HttpURLConnection) new URL(arguments[0]).openConnection();
            if (probe.getResponseCode() == 200) {
                history.add(probe);
            }
            Thread.sleep(5_000);
        }
    }
}
