import java.nio.file.Path;
import java.util.List;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.index.reindex.ReindexPlugin;
import org.opensearch.analysis.common.CommonAnalysisPlugin;
import org.opensearch.index.mapper.MapperExtrasPlugin;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/** One OpenSearch node on the loopback: port 0 takes a free one, which is printed. Ends when standard input does. */
public final class SearchServer {
    private static final class LocalNode extends Node {
        LocalNode(Settings settings) {
            super(
                new Environment(settings, null),
                List.of(Netty4Plugin.class, CommonAnalysisPlugin.class, MapperExtrasPlugin.class, ReindexPlugin.class),
                false);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Settings settings = Settings.builder()
            .put("path.home", Path.of(arguments[0]).toAbsolutePath())
            .put("cluster.name", "test")
            .put("node.name", "node")
            .put("discovery.type", "single-node")
            .put("network.host", "127.0.0.1")
            .put("http.port", "0")
            .put("transport.port", "0")
            .put("transport.type", "netty4")
            .put("http.type", "netty4")
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .put("node.store.allow_mmap", false)
            .build();
        try (Node node = new LocalNode(settings).start()) {
            System.out.println("listening on http://" + node.injector()
                .getInstance(org.opensearch.http.HttpServerTransport.class).boundAddress().publishAddress());
            System.out.flush();
            while (System.in.read() >= 0) { }
        }
    }
}
